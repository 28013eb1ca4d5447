"""Tests between two methods of one cohort."""

from __future__ import annotations

from sixgig.tables.format import COHORT, METRIC, Column, Table

_PAIR = (
    Column("arm_a", "string", "first arm"),
    Column("classifier_a", "string", "first classifier"),
    Column("arm_b", "string", "second arm"),
    Column("classifier_b", "string", "second classifier"),
)

_P_VALUE = Column(
    "p_value", "number", "two-sided p value, uncorrected for multiplicity; empty when not testable", required=False
)

_P_HOLM = Column("p_holm", "number", "p value after Holm's correction over the cohort's testable pairs", required=False)

_VERDICT = Column("verdict", "string", "a better, b better, within noise, or not testable, at the study's alpha")

PAIRWISE = Table(
    "pairwise.csv",
    "Nadeau-Bengio corrected resampled t-tests between two methods (arm and classifier) of one cohort",
    (
        COHORT,
        METRIC,
        *_PAIR,
        Column("difference", "number", "mean over folds of a minus b"),
        Column(
            "ci_low",
            "number",
            "lower end of the corrected interval of the difference at 1 - alpha",
            required=False,
        ),
        Column(
            "ci_high",
            "number",
            "upper end of the corrected interval of the difference at 1 - alpha",
            required=False,
        ),
        Column("t", "number", "corrected t statistic; empty when every fold has the same difference", required=False),
        Column(
            "df",
            "number",
            "degrees of freedom: folds x repeats - 1; several seeds: Satterthwaite's, with the spread between them",
        ),
        _P_VALUE,
        _P_HOLM,
        Column("effect_size", "number", "difference over its standard deviation across folds", required=False),
        Column("n_scores", "integer", "paired fold scores compared"),
        Column(
            "detectable",
            "number",
            "true difference found with 80% probability at alpha over the cohort's testable pairs (Bonferroni)",
            required=False,
        ),
        _VERDICT,
    ),
)

BAYESIAN = Table(
    "bayesian.csv",
    "Bayesian correlated t-tests between two methods of one cohort; no probabilities when every fold has the same "
    "difference",
    (
        COHORT,
        METRIC,
        *_PAIR,
        Column("rope", "number", "half width of the region of practical equivalence"),
        Column("p_a_better", "number", "posterior probability that a is better by more than the rope", required=False),
        Column("p_equivalent", "number", "posterior probability of a difference inside the rope", required=False),
        Column("p_b_better", "number", "posterior probability that b is better by more than the rope", required=False),
    ),
)

_COUNTED = Column(
    "counted",
    "string",
    "what is counted: subject, or image where a subject has several and metrics_of is image; absent without any",
    rare=True,
)

#: Of tests of fitted models, which every seed has for itself.
AGREEMENT = (
    Column(
        "n_seeds",
        "integer",
        "seeds in which the pair was tested, of which the row shows the first; absent where every arm has one",
        required=False,
        rare=True,
    ),
    Column("seeds_agree", "integer", "seeds whose own test has this verdict", required=False, rare=True),
)

MCNEMAR = Table(
    "mcnemar.csv",
    "exact McNemar tests between two methods of one cohort; each subject counts once, by its class scores averaged "
    "over the repeats; where images are counted, each image does, and the p value flips whole subjects",
    (
        COHORT,
        *_PAIR,
        Column("both_right", "integer", "subjects (or images) that both methods get right"),
        Column("only_a_right", "integer", "subjects (or images) that only a gets right"),
        Column("only_b_right", "integer", "subjects (or images) that only b gets right"),
        Column("both_wrong", "integer", "subjects (or images) that both methods get wrong"),
        _P_VALUE,
        _P_HOLM,
        _VERDICT,
        _COUNTED,
        *AGREEMENT,
    ),
)

DELONG = Table(
    "delong.csv",
    "DeLong tests of the area under the ROC curve between two methods of one cohort with two classes, on class scores "
    "averaged over the repeats, without methods that give all subjects of a fold the same scores; where images are "
    "counted, with Obuchowski's variance for images of one subject",
    (
        COHORT,
        *_PAIR,
        Column("n_subjects", "integer", "evaluation subjects"),
        Column("auc_a", "number", "area of a's mean scores; not the mean of the folds' areas", required=False),
        Column("auc_b", "number", "area of b's mean scores", required=False),
        Column("difference", "number", "auc_a - auc_b", required=False),
        Column("ci_low", "number", "lower end of the interval of the difference at 1 - alpha", required=False),
        Column("ci_high", "number", "upper end of the interval of the difference at 1 - alpha", required=False),
        Column("z", "number", "difference over its standard error; empty without variance", required=False),
        _P_VALUE,
        _P_HOLM,
        _VERDICT,
        _COUNTED,
        *AGREEMENT,
    ),
)
