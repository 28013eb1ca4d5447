"""What clinicians ask of a method: its errors at an operating point, its calibration, its net benefit."""

from __future__ import annotations

from sixgig.tables.format import ARM, CLASSIFIER, COHORT, N_SEEDS, SEED_SD, Column, Table

_PREVALENCE = Column(
    "prevalence", "number", "share of the class that predictive values hold for: the cohort's `prevalence`, or its own"
)
_TESTED_ON = Column(
    "tested_on",
    "string",
    "held_out for the cohort's official test set, or the external cohort that its models were tested on; empty for "
    "out-of-fold predictions, absent where no cohort has test subjects",
    required=False,
    rare=True,
)

CLINICAL = Table(
    "clinical.csv",
    "errors and calibration of every method at the cohort's operating point, from out-of-fold predictions and on "
    "test sets; with more than two classes sensitivity and ppv of each class against the rest",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        Column("class", "string", "the positive class, or the class that is taken against the rest"),
        Column(
            "quantity",
            "string",
            "sensitivity, specificity, ppv, npv (predictive values), threshold (mean over folds and seeds), "
            "calibration_slope, calibration_intercept (slope held at 1)",
        ),
        Column("estimate", "number", "mean over repeats and seeds; empty when undefined", required=False),
        Column(
            "ci_low",
            "number",
            "lower end of the interval over subjects at level 1 - alpha: Wilson (sensitivity, specificity), "
            "MOVER-R (ppv, npv), sandwich (calibration); of these fitted models",
            required=False,
        ),
        Column("ci_high", "number", "upper end", required=False),
        _PREVALENCE,
        Column(
            "operating_point",
            "string",
            "labels (the classes that the classifier predicts), or what the threshold was to reach on the other folds "
            "(for a test set: on all out-of-fold predictions), such as sensitivity 0.9",
        ),
        Column("scores", "string", "probabilities, or ranks: scores that weigh classes alike and are no probabilities"),
        _TESTED_ON,
        N_SEEDS,
        SEED_SD,
    ),
)

DECISION_CURVE = Table(
    "decision_curve.csv",
    "net benefit of every method of cohorts with two classes, from out-of-fold probabilities; scores that are none are "
    "turned into probabilities on the other folds",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        Column("threshold", "number", "threshold probability"),
        Column("net_benefit", "number", "net benefit of treating those at or above it; of treating nobody it is 0"),
        Column("treat_all", "number", "net benefit of treating everybody"),
        _PREVALENCE,
        _TESTED_ON,
        N_SEEDS,
        SEED_SD,
    ),
)
