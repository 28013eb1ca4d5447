"""Metrics and summary of a whole study from the predictions of its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from sixgig.evaluation.metrics import fold_metrics
from sixgig.evaluation.summary import summarise
from sixgig.runtime.atomic import read_json
from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.format import Table
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.roles import held_out_fold
from sixgig.tables.scores import METRICS, SUMMARY


class Scores(NamedTuple):
    """Tables of a study.

    Attributes:
        metrics: Rows of :data:`sixgig.tables.scores.METRICS`.
        summary: Rows of :data:`sixgig.tables.scores.SUMMARY`, on out-of-fold predictions of the evaluation subjects.
        test: Rows of :data:`sixgig.tables.scores.SUMMARY`, on the held-out test subjects of the cohorts that have some.
    """

    metrics: pd.DataFrame
    summary: pd.DataFrame
    test: pd.DataFrame


def score_study(
    root: Path,
    positives: Mapping[str, str | None],
    methods: Sequence[tuple[str, str]],
    bootstrap_samples: int,
    seed: int,
    threads: int,
) -> Scores:
    """Score every method on every cohort.

    Args:
        root: ``results/<study>``.
        positives: Cohorts, each with its positive class or None; see :func:`sixgig.evaluation.metrics.positive_class`.
        methods: Pairs of arm and classifier.
        bootstrap_samples: Resamples of subjects behind each interval.
        seed: The study's seed; all methods of a cohort get the same resamples.
        threads: Methods scored at a time.

    Returns:
        The tables. An arm that failed has rows in the summaries only, with its reason as status.
    """
    jobs = [(cohort, arm, classifier) for cohort in positives for arm, classifier in methods]
    tasks = (delayed(_score_method)(root, *job, positives[job[0]], bootstrap_samples, seed) for job in jobs)
    found: list[Scores] = []
    with Progress("score", len(jobs), "methods") as progress:
        for scores in Parallel(n_jobs=threads, prefer="threads", return_as="generator")(tasks):
            found.append(scores)
            progress.advance()
    return Scores(
        _joined([scores.metrics for scores in found], METRICS),
        _joined([scores.summary for scores in found], SUMMARY),
        _joined([scores.test for scores in found], SUMMARY),
    )


def _joined(parts: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    filled = [rows for rows in parts if len(rows)] or [pd.DataFrame(columns=table.column_names)]
    return pd.concat(filled, ignore_index=True)


def _score_method(
    root: Path, cohort: str, arm: str, classifier: str, positive: str | None, bootstrap_samples: int, seed: int
) -> Scores:
    folder = root / "predictions" / cohort
    predictions = PREDICTIONS.read(folder / f"{arm}.{classifier}.csv")
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
    test = SUMMARY.check(pd.DataFrame(columns=SUMMARY.column_names), "no test subjects")
    one_fold = held_out_fold(splits)
    if len(one_fold):
        held_out = None if failed else PREDICTIONS.read(folder / f"{arm}.{classifier}.test.csv")
        test = summarise(
            held_out, cohort, arm, classifier, status,
            splits=one_fold[one_fold["fold"] == 0], n_resamples=bootstrap_samples, seed=seed, positive=positive,
        )  # fmt: skip
    return Scores(metrics, SUMMARY.check(summary, f"{cohort} {arm} {classifier}"), test)
