"""Tests between two methods on subjects that neither had seen: held-out test sets and external cohorts."""

from __future__ import annotations

from sixgig.tables.format import COHORT, METRIC, Column, Table

TESTED_ON = Column(
    "tested_on",
    "string",
    "held_out for the cohort's official test set, or the external cohort that its models were tested on",
    rare=True,
)

TEST_PAIRS = Table(
    "test_pairs.csv",
    "paired tests between two arms on subjects that neither had seen, each arm with the classifier that "
    "cross-validation chose",
    (
        COHORT,
        Column("tested_on", "string", TESTED_ON.description),
        METRIC,
        Column("arm_a", "string", "first arm"),
        Column("classifier_a", "string", "its classifier"),
        Column("arm_b", "string", "second arm"),
        Column("classifier_b", "string", "its classifier"),
        Column("test", "string", "bootstrap (over subjects, on the study's metric), mcnemar or delong"),
        Column("difference", "number", "a minus b", required=False),
        Column("ci_low", "number", "lower end of the interval of the difference at that level", required=False),
        Column("ci_high", "number", "upper end of the interval of the difference at that level", required=False),
        Column(
            "level",
            "number",
            "confidence of the interval: that of Holm's step, so that it excludes 0 exactly when the verdict does",
            required=False,
        ),
        Column("p_value", "number", "two-sided p value, uncorrected; empty when not testable", required=False),
        Column(
            "p_holm",
            "number",
            "p value after Holm's correction over the cohort's testable pairs on this test set, of this test",
            required=False,
        ),
        Column("n_subjects", "integer", "test subjects"),
        Column("verdict", "string", "a better, b better, within noise, or not testable, at the study's alpha"),
        Column(
            "n_seeds",
            "integer",
            "seeds behind the row: bootstrap averages over them; mcnemar and delong show the first that was tested; "
            "absent where every arm has one",
            required=False,
            rare=True,
        ),
        Column(
            "seeds_agree",
            "integer",
            "mcnemar and delong: seeds whose own test has this verdict; empty for bootstrap",
            required=False,
            rare=True,
        ),
    ),
)
