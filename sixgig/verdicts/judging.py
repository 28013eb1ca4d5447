"""Turns the tables of one cohort into a verdict that is never more certain than the tests behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sixgig.verdicts.deciding import Decision, decide
from sixgig.verdicts.headlines import headline
from sixgig.verdicts.sentences import sentences
from sixgig.verdicts.tables import CohortTables

#: Verdicts in two words, by level.
LEVELS = {
    "better": "difference shown",
    "equivalent": "equally good",
    "undecided": "undecided",
    "control": "no better than a control",
    "failed": "failed",
}


@dataclass(frozen=True)
class Verdict:
    """What one cohort shows: a headline, the sentences under it, and a level for its colour.

    ``level`` is ``better`` (an arm is shown to be better than the baseline, and than its controls), ``equivalent`` (the
    baseline is shown to be as good), ``undecided``, ``control`` (not shown to be better than a control or than
    guessing) or ``failed`` (no arm finished). ``decision`` is what they follow from.
    """

    cohort: str
    level: str
    headline: str
    sentences: list[str] = field(default_factory=list)
    decision: Decision = field(default_factory=lambda: Decision("failed"))


def judge(tables: CohortTables) -> Verdict:
    """Say what the tables of one cohort show; the same tables always give the same verdict.

    Args:
        tables: The tables; see :func:`sixgig.verdicts.deciding.decide` for the rules.
    """
    found = decide(tables)
    return Verdict(tables.cohort, found.level, headline(tables, found), sentences(tables, found), found)
