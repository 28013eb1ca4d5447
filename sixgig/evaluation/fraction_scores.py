"""The label-fraction curve of a whole study: estimates with intervals from what every method predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from sixgig.evaluation.labelled import mean_labelled
from sixgig.evaluation.levels import at_level
from sixgig.evaluation.summary import summarise
from sixgig.runtime.atomic import read_json
from sixgig.runtime.attempts import fewer
from sixgig.runtime.outcomes import FAILED, failed_cohort, failed_status
from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.fractions import FRACTION_PREDICTIONS, FRACTIONS
from sixgig.tables.predictions import IMAGE


class FractionFiles(NamedTuple):
    """Files that methods left on the cohorts of a study.

    Attributes:
        predictions: Predictions of all fractions below 1 by cohort, arm and classifier.
        facts: What the classifiers say of themselves, by the same.
        splits: splits.csv by cohort, ``(cohort,)``.
        gates: leakage.json by cohort, ``(cohort,)``.
    """

    predictions: Mapping[tuple[str, ...], Path]
    facts: Mapping[tuple[str, ...], Path]
    splits: Mapping[tuple[str, ...], Path]
    gates: Mapping[tuple[str, ...], Path]


class _Settings(NamedTuple):
    fractions: Sequence[float]
    positives: Mapping[str, str | None]
    metrics_of: Mapping[str, str]
    n_resamples: int
    seed: int
    alpha: float


def score_fractions(
    files: FractionFiles,
    summary: pd.DataFrame,
    fractions: Sequence[float],
    positives: Mapping[str, str | None],
    bootstrap_samples: int,
    seed: int,
    threads: int,
    metrics_of: Mapping[str, str],
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Score every method at every fraction; intervals are made as those of summary.csv, from the same resamples.

    Args:
        files: What the methods left.
        summary: summary.csv of the study: its rows are those of fraction 1, and the status of an arm is its own there.
        fractions: Shares of the training subjects, below 1.
        positives: Cohorts, each with its positive class or None.
        bootstrap_samples: Resamples of subjects behind each interval.
        seed: The study's seed.
        threads: Methods scored at a time.
        metrics_of: What metrics count on a cohort, ``subject`` or ``image``.
        alpha: 1 minus the level of the intervals.

    Returns:
        Rows of :data:`sixgig.tables.fractions.FRACTIONS`, those of a method together, smallest fraction first.
        Fractions and methods that failed are there, with their reason as status.
    """
    settings = _Settings(sorted(fractions), positives, metrics_of, bootstrap_samples, seed, alpha)
    labelled = {
        cohort: _numbers(SPLITS.read(path), settings)
        for (cohort,), path in files.splits.items()
        if not failed_cohort(cohort, files.gates.get((cohort,)))
    }
    key_names = ["cohort", "arm", "classifier"]
    whole = {tuple(map(str, key)): rows for key, rows in summary.groupby(key_names, sort=False)}
    tasks = (
        delayed(_score_method)(files, key, whole[key], labelled.get(key[0], {}), settings) for key in files.predictions
    )
    parts: list[pd.DataFrame] = []
    with Progress("score fractions", len(files.predictions), "methods") as progress:
        for rows in Parallel(n_jobs=fewer(threads), prefer="threads", return_as="generator")(tasks):
            parts.append(rows)
            progress.advance()
    return FRACTIONS.check(pd.concat(parts, ignore_index=True), "fractions")


def _numbers(splits: pd.DataFrame, settings: _Settings) -> dict[float, float]:
    return {fraction: mean_labelled(splits, fraction, settings.seed) for fraction in (*settings.fractions, 1.0)}


def _score_method(
    files: FractionFiles,
    key: tuple[str, ...],
    whole: pd.DataFrame,
    labelled: Mapping[float, float],
    settings: _Settings,
) -> pd.DataFrame:
    parts = [*_smaller(files, key, whole, settings), (1.0, whole)]
    named = [rows.assign(fraction=fraction, n_labelled=labelled.get(fraction)) for fraction, rows in parts]
    filled = [rows.dropna(axis="columns", how="all") for rows in named]
    return FRACTIONS.check(pd.concat(filled, ignore_index=True).reindex(columns=_columns(named)), "fractions")


def _columns(parts: Sequence[pd.DataFrame]) -> list[str]:
    rare = [column.name for column in FRACTIONS.columns if column.rare]
    return [*FRACTIONS.column_names, *(name for name in rare if any(name in rows for rows in parts))]


def _smaller(
    files: FractionFiles, key: tuple[str, ...], whole: pd.DataFrame, settings: _Settings
) -> Iterator[tuple[float, pd.DataFrame]]:
    """Yield every fraction below 1 with its rows."""
    cohort, arm, classifier = key
    status = str(whole["status"].iloc[0])
    facts = {float(own["fraction"]): own for own in read_json(files.facts[key]).get("fractions", [])}
    table = FRACTION_PREDICTIONS.read(files.predictions[key])
    labels_of = "image" if IMAGE in table else "subject"
    metrics_of, positive = settings.metrics_of.get(cohort, "subject"), settings.positives.get(cohort)
    splits = SPLITS.read(files.splits[cohort,])
    for fraction in settings.fractions:
        failed = failed_status(facts.get(fraction, {}))
        if status.startswith(FAILED) and not facts:  # the arm or the cohort failed, and nothing was computed
            failed = status
        if failed:
            yield fraction, _failed(whole, failed)
            continue
        own = table[table["fraction"] == fraction].drop(columns="fraction")
        own = at_level(own.reset_index(drop=True), metrics_of, positive)
        yield (
            fraction,
            summarise(
                own, cohort, arm, classifier, status if not status.startswith(FAILED) else "ok",
                splits=splits, n_resamples=settings.n_resamples, seed=settings.seed, positive=positive,
                labels_of=labels_of, alpha=settings.alpha,
            ),
        )  # fmt: skip


def _failed(whole: pd.DataFrame, status: str) -> pd.DataFrame:
    """Return the rows of fraction 1 without an estimate, and with a reason."""
    numbers = ("estimate", "ci_low", "ci_high", "pooled", "pooled_low", "pooled_high")
    empty = {name: float("nan") for name in numbers} | {"ci_method": None, "pooled_method": None}
    return whole.drop(columns=["n_images", "undefined_folds"], errors="ignore").assign(**empty, status=status)
