"""Metrics and summary of a whole study from the predictions of its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from sixgig.atomic import read_json
from sixgig.metrics import fold_metrics
from sixgig.progress import Progress
from sixgig.summary import summarise
from sixgig.tables import METRICS, PREDICTIONS, SPLITS, SUMMARY


def score_study(
    root: Path,
    positives: Mapping[str, str | None],
    methods: Sequence[tuple[str, str]],
    bootstrap_samples: int,
    seed: int,
    threads: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every method on every cohort.

    Args:
        root: ``results/<study>``.
        positives: Cohorts, each with its positive class or None; see :func:`sixgig.metrics.positive_class`.
        methods: Pairs of arm and classifier.
        bootstrap_samples: Resamples of subjects behind each interval.
        seed: The study's seed; all methods of a cohort are resampled alike.
        threads: Methods scored at a time.

    Returns:
        Rows of :data:`sixgig.tables.METRICS` and of :data:`sixgig.tables.SUMMARY`. An arm that failed has rows in the
        summary only, with its reason as status.
    """
    jobs = [(cohort, arm, classifier) for cohort in positives for arm, classifier in methods]
    tasks = (delayed(_score_method)(root, *job, positives[job[0]], bootstrap_samples, seed) for job in jobs)
    metrics, summaries = [], []
    with Progress("score", len(jobs), "methods") as progress:
        for metric_rows, summary_rows in Parallel(n_jobs=threads, prefer="threads", return_as="generator")(tasks):
            metrics.append(metric_rows)
            summaries.append(summary_rows)
            progress.advance()
    filled = [rows for rows in metrics if len(rows)] or [pd.DataFrame(columns=METRICS.column_names)]
    return pd.concat(filled, ignore_index=True), pd.concat(summaries, ignore_index=True)


def _score_method(
    root: Path, cohort: str, arm: str, classifier: str, positive: str | None, bootstrap_samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    predictions = PREDICTIONS.read(root / "predictions" / cohort / f"{arm}.{classifier}.csv")
    splits = SPLITS.read(root / "cohorts" / cohort / "splits.csv")
    sidecar = root / "features" / cohort / f"{arm}.json"
    status = read_json(sidecar)["status"] if sidecar.exists() else "ok"  # the majority class has no features
    failed = len(predictions) == 0
    metrics = METRICS.check(pd.DataFrame(columns=METRICS.column_names), "no metrics")
    if not failed:
        metrics = fold_metrics(predictions, cohort, arm, classifier, positive=positive)
    summary = summarise(
        None if failed else predictions, cohort, arm, classifier, status,
        splits=splits, n_resamples=bootstrap_samples, seed=seed, positive=positive,
    )  # fmt: skip
    return metrics, SUMMARY.check(summary, f"{cohort} {arm} {classifier}")
