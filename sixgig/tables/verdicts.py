"""What every cohort shows, in words: the verdicts of the report, for everything that repeats them."""

from __future__ import annotations

from sixgig.tables.format import COHORT, Column, Table

VERDICTS = Table(
    "verdicts.csv",
    "the verdict on every cohort, real cohorts first",
    (
        COHORT,
        Column("title", "string", "title of the cohort"),
        Column("images", "string", "real or simulated"),
        Column("level", "string", "better, equivalent, undecided, control (not better than a control) or failed"),
        Column("headline", "string", "the verdict in one line, in the language of the study"),
        Column("sentences", "string", "the sentences under it, each with what it rests on", required=False),
    ),
)
