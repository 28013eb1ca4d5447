"""One row per metric for a method: estimate, interval, status. A method that failed keeps its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sixgig.errors import TableError
from sixgig.evaluation.bootstrap import Interval, bootstrap_intervals
from sixgig.evaluation.intervals import procedure_intervals, undefined_folds
from sixgig.evaluation.metrics import metric_names
from sixgig.tables.classes import single_classes
from sixgig.tables.predictions import IMAGE
from sixgig.tables.scores import SUMMARY


def summarise(
    predictions: pd.DataFrame | None,
    cohort: str,
    arm: str,
    classifier: str,
    status: str = "ok",
    *,
    splits: pd.DataFrame,
    n_resamples: int = 2000,
    seed: int = 0,
    positive: str | None = None,
    labels_of: str = "subject",
    alpha: float = 0.05,
    seeds: int = 1,
) -> pd.DataFrame:
    """Summarise the predictions of one cohort, arm and classifier.

    Args:
        predictions: ``tables.PREDICTIONS``, or None when the arm or the classifier failed.
        cohort: Name for the rows.
        arm: Name for the rows.
        classifier: Name for the rows.
        status: ``ok``, ``fallback: what`` or ``failed: reason``.
        splits: ``tables.SPLITS`` of the cohort: says which subjects are evaluated and which classes exist.
        n_resamples: Resamples of subjects behind each interval of pooled predictions.
        seed: Seed of the resamples, and of what intervals of procedures draw.
        positive: See :func:`sixgig.evaluation.metrics.positive_class`.
        labels_of: What has a class, ``subject`` or ``image``.
        alpha: 1 minus the level of the intervals.
        seeds: Runs in the predictions, each with its own seed; see
            :func:`sixgig.evaluation.intervals.procedure_intervals`.

    Returns:
        Rows of ``tables.SUMMARY``; estimates and intervals are empty when there are no predictions.

    Raises:
        TableError: The predictions are not of the evaluation subjects, or are missing though the status is not
            ``failed: reason``.
    """
    place = f"predictions of {cohort}, {arm}, {classifier}"
    evaluation = splits[splits["role"] == "evaluation"]
    subjects = set(evaluation["subject_id"].astype(str))
    names = metric_names(len(_classes(evaluation, labels_of)))
    if predictions is None:
        if not status.startswith("failed: "):
            raise TableError(
                place, f"there are none, but the status is {status!r}", "give the status as 'failed: reason'"
            )
        intervals = pooled = dict.fromkeys(names, Interval(np.nan, np.nan, np.nan))
    else:
        different = sorted(subjects ^ set(predictions["subject_id"].astype(str)))
        if different:
            raise TableError(
                place,
                f"subject {different[0]!r} is in the predictions or in the evaluation, but not in both",
                "delete the file of predictions and run snakemake again",
            )
        intervals = procedure_intervals(predictions, alpha=alpha, positive=positive, seed=seed, seeds=seeds)
        pooled = bootstrap_intervals(
            predictions, n_resamples=n_resamples, seed=seed, confidence=1 - alpha, positive=positive
        )
    rows = pd.DataFrame(
        {
            "cohort": cohort,
            "arm": arm,
            "classifier": classifier,
            "metric": list(intervals),
            "estimate": [interval.estimate for interval in intervals.values()],
            "ci_low": [interval.low for interval in intervals.values()],
            "ci_high": [interval.high for interval in intervals.values()],
            "n_subjects": len(subjects),
            "status": status,
            "ci_method": [interval.method or None for interval in intervals.values()],
            "pooled": [pooled[name].estimate for name in intervals],
            "pooled_low": [pooled[name].low for name in intervals],
            "pooled_high": [pooled[name].high for name in intervals],
            "pooled_method": [pooled[name].method or None for name in intervals],
        }
    )
    undefined = {} if predictions is None else undefined_folds(predictions, positive)
    if undefined:
        rows["undefined_folds"] = pd.array([undefined.get(name, 0) for name in intervals], dtype="Int64")
    if predictions is not None and IMAGE in predictions and predictions[IMAGE].nunique() > len(subjects):
        rows["n_images"] = predictions[IMAGE].nunique()
    return SUMMARY.check(rows, place)


def _classes(splits: pd.DataFrame, labels_of: str) -> set[str]:
    labels = {str(label) for label in splits["label"]}
    return {name for label in labels for name in single_classes(label)} if labels_of == "image" else labels
