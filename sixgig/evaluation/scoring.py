"""Metrics and summary of a whole study from the predictions of its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from sixgig.errors import CohortError
from sixgig.evaluation.external_scores import with_external
from sixgig.evaluation.levels import at_level, check_subject_level
from sixgig.evaluation.metrics import fold_metrics, metric_names
from sixgig.evaluation.runs import Run, by_seed, joined, runs_of, seed_number, status_of, with_spread
from sixgig.evaluation.summary import summarise
from sixgig.runtime.atomic import read_json
from sixgig.runtime.attempts import fewer
from sixgig.runtime.outcomes import FAILED, failed_cohort, failed_status
from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.format import Table
from sixgig.tables.predictions import IMAGE, PREDICTIONS
from sixgig.tables.roles import held_out_fold
from sixgig.tables.scores import METRICS, SUMMARY


class ScoredFiles(NamedTuple):
    """Files that methods left on the cohorts of a study, an arm of several seeds under a name for each.

    Attributes:
        predictions: Out-of-fold predictions by cohort, arm and classifier.
        held_out: Predictions of held-out test subjects, by the same; read for cohorts that have some.
        splits: splits.csv by cohort, ``(cohort,)``.
        sidecars: Sidecars of features by cohort and arm; none for the majority class.
        gates: leakage.json by cohort, ``(cohort,)``; without one the cohort counts as one that did not fail.
        facts: What classifiers say of themselves, by the same as predictions; read when there are none of these.
        external: Predictions of other cohorts by cohort, external cohort, arm and classifier.
        external_facts: What is written down about them, by the same.
    """

    predictions: Mapping[tuple[str, ...], Path]
    held_out: Mapping[tuple[str, ...], Path]
    splits: Mapping[tuple[str, ...], Path]
    sidecars: Mapping[tuple[str, ...], Path]
    gates: Mapping[tuple[str, ...], Path] = {}
    facts: Mapping[tuple[str, ...], Path] = {}
    external: Mapping[tuple[str, ...], Path] = {}
    external_facts: Mapping[tuple[str, ...], Path] = {}


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
    files: ScoredFiles,
    positives: Mapping[str, str | None],
    bootstrap_samples: int,
    seed: int,
    threads: int,
    metrics_of: Mapping[str, str] | None = None,
    alpha: float = 0.05,
) -> Scores:
    """Score every method on every cohort.

    Args:
        files: What the methods left.
        positives: Cohorts, each with its positive class or None; see :func:`sixgig.evaluation.metrics.positive_class`.
        bootstrap_samples: Resamples of subjects behind each interval.
        seed: The study's seed; all methods of a cohort get the same resamples.
        threads: Methods scored at a time.
        metrics_of: What metrics count on a cohort, ``subject`` or ``image``; subjects when a cohort is not named.
        alpha: 1 minus the level of the intervals.

    Returns:
        The tables. An arm that failed has rows in the summaries only, with its reason as status; so have all methods on
        a cohort that failed, whatever files of predictions there are.

    Raises:
        CohortError: Every cohort failed.
        ConfigError: Subjects are to be counted, and cannot be: see
            :func:`sixgig.evaluation.levels.check_subject_level`.
    """
    methods = runs_of(files.predictions)
    several = any(len(runs) > 1 for runs in methods.values())
    counted = metrics_of or {}
    failed = [status for (cohort,), gate in files.gates.items() if (status := failed_cohort(cohort, gate))]
    if failed and len(failed) == len(files.gates):
        reasons = "; ".join(status.removeprefix(FAILED) for status in failed)
        raise CohortError("the study", f"every cohort failed: {reasons}", "mend one of them and run again")
    tasks = (
        delayed(_score_method)(
            files, key, runs, several, positives[key[0]], bootstrap_samples, seed, counted.get(key[0], "subject"), alpha
        )
        for key, runs in methods.items()
    )
    found: list[Scores] = []
    with Progress("score", len(methods), "methods") as progress:
        for scores in Parallel(n_jobs=fewer(threads), prefer="threads", return_as="generator")(tasks):
            found.append(scores)
            progress.advance()
    test = _joined([scores.test for scores in found], SUMMARY)
    if files.external:
        test = with_external(
            test, files.external, files.external_facts, files.splits, positives, counted, bootstrap_samples, seed, alpha
        )
    return Scores(
        _joined([scores.metrics for scores in found], METRICS),
        _joined([scores.summary for scores in found], SUMMARY),
        test,
    )


def _joined(parts: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    filled = [rows for rows in parts if len(rows)] or [pd.DataFrame(columns=table.column_names)]
    return pd.concat(filled, ignore_index=True)


def _no_rows(table: Table) -> pd.DataFrame:
    return table.check(pd.DataFrame(columns=table.column_names), "no rows")


def _failed_rows(key: tuple[str, ...], status: str) -> pd.DataFrame:
    """Return the rows of a method on a cohort that failed: no estimate, and nobody knows of how many classes."""
    named = dict(zip(("cohort", "arm", "classifier"), key, strict=True))
    rows = pd.DataFrame({"metric": metric_names(0)}).assign(**named, n_subjects=0, status=status)
    return SUMMARY.check(rows.reindex(columns=SUMMARY.column_names), f"the rows of cohort {key[0]}")


def _score_method(
    files: ScoredFiles,
    key: tuple[str, ...],
    runs: Sequence[tuple[str, ...]],
    several: bool,
    positive: str | None,
    bootstrap_samples: int,
    seed: int,
    metrics_of: str,
    alpha: float,
) -> Scores:
    """Score a method from the files of its runs; ``several``: whether an arm of the study has more than one."""
    cohort, arm, classifier = key
    no_cohort = failed_cohort(cohort, files.gates.get((cohort,)))
    if no_cohort:
        return Scores(
            _no_rows(METRICS),
            _failed_rows(key, no_cohort),
            _no_rows(SUMMARY),
        )
    tables = [PREDICTIONS.read(files.predictions[run]) for run in runs]
    labels_of = "image" if IMAGE in tables[0] else "subject"
    splits = SPLITS.read(files.splits[cohort,])
    if labels_of != metrics_of:
        check_subject_level(splits, cohort, positive)
    found = [
        Run(number, at_level(table, metrics_of, positive), _status(files, run, len(table) == 0))
        for table, run, number in zip(tables, runs, map(seed_number, runs), strict=True)
    ]
    predictions, status = joined(found), status_of(found)
    failed, seeds = len(predictions) == 0, max(1, sum(not run.failed for run in found))
    metrics = _no_rows(METRICS)
    if not failed:
        metrics = fold_metrics(predictions, cohort, arm, classifier, positive=positive)
    summary = summarise(
        None if failed else predictions, cohort, arm, classifier, status,
        splits=splits, n_resamples=bootstrap_samples, seed=seed, positive=positive, labels_of=labels_of,
        alpha=alpha, seeds=seeds,
    )  # fmt: skip
    if several:
        metrics = by_seed(metrics, found)
        summary = with_spread(summary, metrics, alpha)
    test = _no_rows(SUMMARY)
    one_fold = held_out_fold(splits)
    if len(one_fold):
        shown = [
            run._replace(predictions=at_level(PREDICTIONS.read(files.held_out[file]), metrics_of, positive))
            for run, file in zip(found, runs, strict=True)
            if not run.failed
        ]
        held_out = joined(shown) if shown else None
        test = summarise(
            held_out, cohort, arm, classifier, status,
            splits=one_fold[one_fold["fold"] == 0], n_resamples=bootstrap_samples, seed=seed, positive=positive,
            labels_of=labels_of, alpha=alpha, seeds=seeds,
        )  # fmt: skip
        if several and held_out is not None:
            own = by_seed(fold_metrics(held_out, cohort, arm, classifier, positive=positive), shown)
            test = with_spread(test, own, alpha)
    return Scores(metrics, SUMMARY.check(summary, f"{cohort} {arm} {classifier}"), test)


def _status(files: ScoredFiles, key: tuple[str, ...], failed: bool) -> str:
    """Return the status of one run of a method: its arm's, or its classifier's where that failed."""
    sidecar = files.sidecars.get(key[:2])
    status = str(read_json(sidecar)["status"]) if sidecar else "ok"  # the majority class has no features
    if failed and not status.startswith(FAILED) and key in files.facts:
        status = failed_status(read_json(files.facts[key])) or status
    return status
