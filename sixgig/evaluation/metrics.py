"""Metrics of predictions: each defined once, for one set of subjects or thousands of weighted resamples at a time.

Every metric is computed from weights on the rows of the predictions. A fold is a row of zeros and ones, a bootstrap
resample a row of counts; so the folds and the intervals come from the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import TableError
from sixgig.evaluation.classes import positive_class
from sixgig.tables.predictions import SCORE
from sixgig.tables.scores import METRICS as METRICS_TABLE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric: its name in the tables, its title for people, and which way is better."""

    name: str
    title: str
    description: str
    higher_is_better: bool = True
    binary_only: bool = False


#: Every metric by name, in the order of the report.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("balanced_accuracy", "Balanced accuracy", "mean over classes of the share of its subjects found"),
        Metric("macro_f1", "Macro F1", "mean over classes of the harmonic mean of precision and recall"),
        Metric("accuracy", "Accuracy", "share of subjects predicted correctly"),
        Metric("mcc", "Matthews correlation", "correlation of true and predicted class; 0 for a constant prediction"),
        Metric("macro_auc", "Area under the ROC curve", "one class against the rest, mean over classes"),
        Metric("sensitivity", "Sensitivity", "share of positive subjects found", binary_only=True),
        Metric("specificity", "Specificity", "share of negative subjects left alone", binary_only=True),
        Metric("brier", "Brier score", "mean squared error of the class scores, from 0 to 2", higher_is_better=False),
    )
}


@dataclass(frozen=True)
class Outcomes:
    """Predictions as arrays.

    Attributes:
        classes: Classes in sorted order; the columns of ``scores``.
        positive: Index of the positive class; only used with two classes.
        true: Index of the true class, [n].
        predicted: Index of the predicted class, [n].
        scores: Class scores, [n, n_classes].
    """

    classes: tuple[str, ...]
    positive: int
    true: NDArray[np.intp]
    predicted: NDArray[np.intp]
    scores: Floats


def metric_names(n_classes: int) -> list[str]:
    """Return the metrics that exist for this number of classes; sensitivity and specificity need exactly two."""
    return [name for name, metric in METRICS.items() if n_classes == 2 or not metric.binary_only]


def outcomes(predictions: pd.DataFrame, positive: str | None = None) -> Outcomes:
    """Turn rows of a predictions table into arrays, in row order.

    Args:
        predictions: Rows of ``tables.PREDICTIONS`` with one score column per class of the cohort.
        positive: Positive class for sensitivity, specificity and the binary AUC; see :func:`positive_class`.

    Raises:
        TableError: A class has no score column, or a score is missing.
        ConfigError: See :func:`positive_class`.
    """
    classes = tuple(sorted(name.removeprefix(SCORE) for name in predictions.columns if name.startswith(SCORE)))
    lookup = {name: index for index, name in enumerate(classes)}
    columns = []
    for column in ("label", "predicted"):
        names = predictions[column].astype(str)
        unknown = sorted(set(names) - set(classes))
        if unknown:
            raise TableError(
                "predictions",
                f"column {column!r} holds the class {unknown[0]!r}, which has no column {SCORE + unknown[0]!r}",
                "delete the file of predictions and run snakemake again",
            )
        columns.append(np.asarray(names.map(lookup), dtype=np.intp))
    scores = predictions[[SCORE + name for name in classes]].to_numpy(dtype=np.float64)
    missing = np.flatnonzero(np.isnan(scores).any(axis=1))
    if len(missing):  # sorted with the others, it would silently count as the highest score
        raise TableError(
            "predictions",
            f"subject {str(predictions['subject_id'].iloc[missing[0]])!r} lacks a class score",
            "delete the file of predictions and run snakemake again",
        )
    return Outcomes(classes, classes.index(positive_class(classes, positive)), columns[0], columns[1], scores)


def weighted_metrics(data: Outcomes, weights: Floats) -> dict[str, Floats]:
    """Compute all metrics for every row of weights.

    Metrics that average over classes are undefined (NaN) when a class has no weight; so is any metric whose
    denominator is zero, except that MCC of a constant prediction is 0 and F1 of a class never predicted is 0, as in
    scikit-learn.

    Args:
        data: Predictions.
        weights: How often each prediction counts, at least zero, [n_sets, n].

    Returns:
        One array [n_sets] per metric of :func:`metric_names`.
    """
    n_classes = len(data.classes)
    cells = np.eye(n_classes**2)[data.true * n_classes + data.predicted]
    confusion = (weights @ cells).reshape(-1, n_classes, n_classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: formula(confusion) for name, formula in _FROM_CONFUSION.items()}
        aucs = [
            weighted_auc(data.scores[:, index], data.true == index, weights)
            for index in ([data.positive] if n_classes == 2 else range(n_classes))
        ]
        values["macro_auc"] = np.mean(aucs, axis=0)
        if n_classes == 2:
            recalls = _recalls(confusion)
            values["sensitivity"] = recalls[:, data.positive]
            values["specificity"] = recalls[:, 1 - data.positive]
        errors = ((data.scores - np.eye(n_classes)[data.true]) ** 2).sum(axis=1)
        values["brier"] = weights @ errors / weights.sum(axis=1)
    return {name: values[name] for name in metric_names(n_classes)}


def _recalls(confusion: Floats) -> Floats:
    result: Floats = np.diagonal(confusion, axis1=1, axis2=2) / confusion.sum(axis=2)
    return result


def _macro_f1(confusion: Floats) -> Floats:
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    f1 = 2 * np.diagonal(confusion, axis1=1, axis2=2) / (true + predicted)
    result: Floats = np.where(true > 0, f1, np.nan).mean(axis=1)
    return result


def _accuracy(confusion: Floats) -> Floats:
    result: Floats = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return result


def _mcc(confusion: Floats) -> Floats:
    """Multi-class correlation R_K (Gorodkin, 2004, equation 8)."""
    true, predicted, total = confusion.sum(axis=2), confusion.sum(axis=1), confusion.sum(axis=(1, 2))
    covariance = np.trace(confusion, axis1=1, axis2=2) * total - (true * predicted).sum(axis=1)
    spread = (total**2 - (true**2).sum(axis=1)) * (total**2 - (predicted**2).sum(axis=1))
    result: Floats = np.where(total > 0, np.where(spread > 0, covariance / np.sqrt(spread), 0.0), np.nan)
    return result


_FROM_CONFUSION: dict[str, Callable[[Floats], Floats]] = {
    "balanced_accuracy": lambda confusion: _recalls(confusion).mean(axis=1),
    "macro_f1": _macro_f1,
    "accuracy": _accuracy,
    "mcc": _mcc,
}


def weighted_auc(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """Area under the ROC curve for every row of weights, from weighted ranks; ties count one half.

    Args:
        scores: Score of the positive class, [n].
        positive: Which rows are positive, [n].
        weights: How often each row counts, [n_sets, n].

    Returns:
        [n_sets]; NaN where the positive or the negative rows have no weight.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    first_of_tie = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sorted_weights = weights[:, order]
    positives = np.add.reduceat(sorted_weights * positive[order], first_of_tie, axis=1)
    negatives = np.add.reduceat(sorted_weights * ~positive[order], first_of_tie, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    with np.errstate(invalid="ignore"):
        result: Floats = (positives * below).sum(axis=1) / pairs
    return result


def fold_metrics(
    predictions: pd.DataFrame, cohort: str, arm: str, classifier: str, *, positive: str | None = None
) -> pd.DataFrame:
    """Compute every metric on the test subjects of every repeat and fold.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort, arm and classifier.
        cohort: Name for the rows.
        arm: Name for the rows.
        classifier: Name for the rows.
        positive: See :func:`positive_class`.

    Returns:
        Rows of ``tables.METRICS``, ordered by metric, repeat and fold; an undefined value is NaN. Cohorts of more than
        two classes have no rows for sensitivity and specificity.
    """
    rows = predictions.sort_values(["repeat", "fold", "subject_id"], kind="stable")
    folds = rows.groupby(["repeat", "fold"], sort=True)
    weights = (folds.ngroup().to_numpy() == np.arange(folds.ngroups)[:, None]).astype(np.float64)
    values = weighted_metrics(outcomes(rows, positive), weights)
    keys = pd.DataFrame(list(folds.groups), columns=["repeat", "fold"])
    parts = [
        keys.assign(cohort=cohort, arm=arm, classifier=classifier, metric=name, value=value)
        for name, value in values.items()
    ]
    return METRICS_TABLE.check(pd.concat(parts, ignore_index=True), f"metrics of {cohort}, {arm}, {classifier}")
