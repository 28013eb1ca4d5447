"""The label-fraction curve: predictions and estimates of methods that were trained on fewer labelled subjects."""

from __future__ import annotations

from sixgig.tables import predictions, scores
from sixgig.tables.format import Column, Table

_FRACTION = Column("fraction", "number", "share of the training subjects of every fold that had labels, above 0 to 1")
_KEY = 4
#: A curve is of one seed, and of the cohort's own subjects.
_ABSENT = ("n_seeds", "seed_sd", "tested_on")

FRACTION_PREDICTIONS = Table(
    "fraction predictions",
    "out-of-fold predictions as in predictions/, once for each of evaluation.fractions below 1",
    (_FRACTION, *predictions.PREDICTIONS.columns),
    extra_prefix=predictions.SCORE,
)

FRACTIONS = Table(
    "fractions.csv",
    "one row per cohort, arm, classifier, metric and fraction of labelled training subjects; fraction 1 is summary.csv",
    (
        *scores.SUMMARY.columns[:_KEY],
        _FRACTION,
        Column(
            "n_labelled",
            "number",
            "labelled subjects of a training fold, mean over folds and repeats; empty on a cohort that failed",
            required=False,
        ),
        *(column for column in scores.SUMMARY.columns[_KEY:] if column.name not in _ABSENT),
    ),
)
