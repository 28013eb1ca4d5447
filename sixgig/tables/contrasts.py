"""The planned contrasts of a cohort, and the arms as procedures that choose their classifier inside."""

from __future__ import annotations

from sixgig.tables.format import COHORT, METRIC, Column, Table

#: The name under which tables list the procedure that chooses the arm inside as well.
BEST = "best"
#: Why a contrast is planned.
QUESTIONS = ("baseline", "start", "control", "named")
#: What begins the verdict of a contrast without a test; the reason follows.
NOT_TESTABLE = "not testable: "

ARM_SCORES = Table(
    "arm_scores.csv",
    "score of every arm on every test fold, with the classifier that the other folds of the same repeat choose",
    (
        COHORT,
        Column("arm", "string", f"arm or control; {BEST} is the procedure that chooses the arm inside as well"),
        METRIC,
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "test fold, from 0"),
        Column("chosen_arm", "string", f"the arm itself; of {BEST} the arm that the other folds choose"),
        Column("classifier", "string", "classifier with the best mean over the other folds of the same repeat"),
        Column("value", "number", "metric on this fold; empty when undefined", required=False),
    ),
)

ARM_SUMMARY = Table(
    "arm_summary.csv",
    "performance of every arm as a procedure, with the classifier chosen inside",
    (
        COHORT,
        Column("arm", "string", f"arm or control; {BEST} is the procedure that chooses the arm inside as well"),
        METRIC,
        Column("estimate", "number", "mean of the fold scores; empty when the arm has none", required=False),
        Column("ci_low", "number", "lower end of the procedure's interval at 1 - alpha", required=False),
        Column("ci_high", "number", "upper end of the procedure's interval at 1 - alpha", required=False),
        Column("chosen", "string", "how often each classifier (of best: arm + classifier) was chosen", required=False),
        Column(
            "optimism",
            "number",
            "by how much the best plain mean among its methods lies above estimate",
            required=False,
        ),
    ),
)

CONTRASTS = Table(
    "contrasts.csv",
    "planned contrasts of a cohort: Nadeau-Bengio tests between arms with the classifier chosen inside, Holm's "
    "correction over the cohort's contrasts",
    (
        COHORT,
        METRIC,
        Column("question", "string", "baseline, start, control (random weights or majority class), or named"),
        Column("a", "string", "arm"),
        Column("b", "string", "arm or control that it is compared with"),
        Column("difference", "number", "mean over folds of a minus b; empty without shared folds", required=False),
        Column("standard_error", "number", "Nadeau and Bengio's corrected standard error", required=False),
        Column(
            "df",
            "number",
            "degrees of freedom: shared folds - 1; several seeds: Satterthwaite's, with the spread between them",
            required=False,
        ),
        Column("ci_low", "number", "lower end of the interval of the difference, at `level`", required=False),
        Column("ci_high", "number", "upper end of the interval of the difference, at `level`", required=False),
        Column("level", "number", "confidence of the interval: 1 - alpha over Holm's open contrasts", required=False),
        Column("p_value", "number", "two-sided p value; empty when not testable", required=False),
        Column("p_holm", "number", "p value after Holm's correction over the cohort's contrasts", required=False),
        Column("n_family", "integer", "testable contrasts of the cohort"),
        Column("rope", "number", "half width of the region of practical equivalence"),
        Column("p_equivalence", "number", "p value of two one-sided tests against the rope", required=False),
        Column("p_equivalence_holm", "number", "the same after Holm's correction", required=False),
        Column("detectable", "number", "true difference found with 80% probability (Bonferroni)", required=False),
        Column(
            "subjects_needed",
            "integer",
            "subjects for 80% power at a true difference of evaluation.relevant_difference",
            required=False,
        ),
        Column("verdict", "string", "a better, b better, equivalent, undecided, or 'not testable: why'"),
    ),
)
