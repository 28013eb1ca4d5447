"""Metrics of predictions: each defined once, for one set of subjects or thousands of weighted resamples at a time.

Every metric is computed from weights on the rows of the predictions. A fold is a row of zeros and ones, a bootstrap
resample a row of counts; so the folds and the intervals come from the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import TableError
from sixgig.evaluation.classes import positive_class
from sixgig.tables.predictions import IMAGE, SCORE
from sixgig.tables.scores import METRICS as METRICS_TABLE

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class Resamples:
    """Predictions with sets of weights on them: what a metric is computed from.

    Attributes:
        data: Predictions.
        weights: How often each prediction counts, [n_sets, n].
    """

    data: Outcomes
    weights: Floats

    @cached_property
    def confusion(self) -> Floats:
        """Weight of the predictions by true class (rows) and predicted class, [n_sets, n_classes, n_classes]."""
        n_classes = len(self.data.classes)
        cells = np.eye(n_classes**2)[self.data.true * n_classes + self.data.predicted]
        return (self.weights @ cells).reshape(-1, n_classes, n_classes)

    @cached_property
    def recalls(self) -> Floats:
        """Share of each class that is found, [n_sets, n_classes]; NaN for a class without weight."""
        result: Floats = np.diagonal(self.confusion, axis1=1, axis2=2) / self.confusion.sum(axis=2)
        return result


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: Name in the tables.
        title: Title for people.
        description: What it measures.
        values: Computes it for every row of weights, [n_sets]; NaN where it is undefined.
        higher_is_better: Which way is better.
        binary_only: Whether it needs exactly two classes.
        guess: What guessing gives for a number of classes; None where that depends on more than this number.
        family: What it is made of, which decides on its interval: ``recalls`` (linear in them), ``confusion`` (another
            function of the confusion matrix), ``ranks`` (of the scores) or ``mean`` (of a loss over subjects).
        weights: For ``recalls``, the weight of each class's recall, [n_classes], given the classes' numbers and the
            index of the positive class.
        losses: For ``mean``, the loss of every prediction, [n].
    """

    name: str
    title: str
    description: str
    values: Callable[[Resamples], Floats]
    higher_is_better: bool = True
    binary_only: bool = False
    guess: Callable[[int], float] | None = None
    family: Literal["recalls", "confusion", "ranks", "mean"] = "confusion"
    weights: Callable[[Floats, int], Floats] | None = None
    losses: Callable[[Outcomes], Floats] | None = None


#: Every metric by name, in the order of the report.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "balanced_accuracy",
            "Balanced accuracy",
            "mean over classes of the share of its subjects found",
            lambda sets: sets.recalls.mean(axis=1),
            guess=lambda n_classes: 1 / n_classes,
            family="recalls",
            weights=lambda counts, positive: np.full(len(counts), 1 / len(counts)),
        ),
        Metric(
            "macro_f1",
            "Macro F1",
            "mean over classes of the harmonic mean of precision and recall",
            lambda sets: _macro_f1(sets.confusion),
        ),
        Metric(
            "accuracy",
            "Accuracy",
            "share of subjects predicted correctly",
            lambda sets: np.trace(sets.confusion, axis1=1, axis2=2) / sets.confusion.sum(axis=(1, 2)),
            family="recalls",
            weights=lambda counts, positive: counts / counts.sum(),
        ),
        Metric(
            "mcc",
            "Matthews correlation",
            "correlation of true and predicted class; 0 for a constant prediction",
            lambda sets: _mcc(sets.confusion),
            guess=lambda n_classes: 0.0,
        ),
        Metric(
            "macro_auc",
            "Area under the ROC curve",
            "one class against the rest, mean over classes",
            lambda sets: _macro_auc(sets),
            guess=lambda n_classes: 0.5,
            family="ranks",
        ),
        Metric(
            "sensitivity",
            "Sensitivity",
            "share of positive subjects found",
            lambda sets: sets.recalls[:, sets.data.positive],
            binary_only=True,
            family="recalls",
            weights=lambda counts, positive: np.eye(len(counts))[positive],
        ),
        Metric(
            "specificity",
            "Specificity",
            "share of negative subjects left alone",
            lambda sets: sets.recalls[:, 1 - sets.data.positive],
            binary_only=True,
            family="recalls",
            weights=lambda counts, positive: np.eye(len(counts))[1 - positive],
        ),
        Metric(
            "brier",
            "Brier score",
            "mean squared error of the class scores, from 0 to 2",
            lambda sets: sets.weights @ _brier(sets.data) / sets.weights.sum(axis=1),
            higher_is_better=False,
            family="mean",
            losses=lambda data: _brier(data),
        ),
    )
}


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
    sets = Resamples(data, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: METRICS[name].values(sets) for name in metric_names(len(data.classes))}


def _macro_f1(confusion: Floats) -> Floats:
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    f1 = 2 * np.diagonal(confusion, axis1=1, axis2=2) / (true + predicted)
    result: Floats = np.where(true > 0, f1, np.nan).mean(axis=1)
    return result


def _mcc(confusion: Floats) -> Floats:
    """Multi-class correlation R_K (Gorodkin, 2004, equation 8)."""
    true, predicted, total = confusion.sum(axis=2), confusion.sum(axis=1), confusion.sum(axis=(1, 2))
    covariance = np.trace(confusion, axis1=1, axis2=2) * total - (true * predicted).sum(axis=1)
    spread = (total**2 - (true**2).sum(axis=1)) * (total**2 - (predicted**2).sum(axis=1))
    result: Floats = np.where(total > 0, np.where(spread > 0, covariance / np.sqrt(spread), 0.0), np.nan)
    return result


def _macro_auc(sets: Resamples) -> Floats:
    data = sets.data
    classes = [data.positive] if len(data.classes) == 2 else range(len(data.classes))
    aucs = [weighted_auc(data.scores[:, index], data.true == index, sets.weights) for index in classes]
    result: Floats = np.mean(aucs, axis=0)
    return result


def _brier(data: Outcomes) -> Floats:
    result: Floats = ((data.scores - np.eye(len(data.classes))[data.true]) ** 2).sum(axis=1)
    return result


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
    """Compute every metric on the test subjects, or their images, of every repeat and fold.

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
    within = [name for name in ("subject_id", IMAGE) if name in predictions]
    rows = predictions.sort_values(["repeat", "fold", *within], kind="stable")
    folds = rows.groupby(["repeat", "fold"], sort=True)
    weights = (folds.ngroup().to_numpy() == np.arange(folds.ngroups)[:, None]).astype(np.float64)
    values = weighted_metrics(outcomes(rows, positive), weights)
    keys = pd.DataFrame(list(folds.groups), columns=["repeat", "fold"])
    parts = [
        keys.assign(cohort=cohort, arm=arm, classifier=classifier, metric=name, value=value)
        for name, value in values.items()
    ]
    return METRICS_TABLE.check(pd.concat(parts, ignore_index=True), f"metrics of {cohort}, {arm}, {classifier}")
