"""Pairs of arms, compared on subjects that neither had seen: official test sets and external cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sixgig.classifiers.registry import alone
from sixgig.errors import TableError
from sixgig.evaluation.levels import at_level
from sixgig.evaluation.paired_bootstrap import Resampled, paired_difference, resample_metric
from sixgig.statistics.delong import clustered_delong
from sixgig.statistics.mcnemar import McNemarTest, clustered_mcnemar, exact_mcnemar
from sixgig.statistics.multiplicity import decide, holm
from sixgig.statistics.subjects import SubjectScores, mean_scores
from sixgig.tables.predictions import IMAGE, PREDICTIONS
from sixgig.tables.test_pairs import TEST_PAIRS

#: Arm and classifier.
Method = tuple[str, str]
_NAN = float("nan")


class _Tested(NamedTuple):
    """One method on a test set."""

    resampled: Resampled
    scores: SubjectScores
    right: np.ndarray


def chosen_methods(summary: pd.DataFrame, cohort: str, metric: str) -> dict[str, Method]:
    """Return every arm's method: with the classifier that cross-validation gave the highest estimate.

    Arms that failed, and classifiers that see no features, are left out.

    Args:
        summary: ``tables.SUMMARY`` of the cross-validation; the first of equal estimates is taken.
        cohort: The cohort.
        metric: The study's metric.
    """
    rows = summary[(summary["cohort"] == cohort) & (summary["metric"] == metric) & summary["estimate"].notna()]
    found: dict[str, Method] = {}
    for arm, own in rows.groupby("arm", sort=False):
        classifier = str(own["classifier"].iloc[int(own["estimate"].astype(float).to_numpy().argmax())])
        if alone(classifier) is None:
            found[str(arm)] = (str(arm), classifier)
    return found


def compare_on_test_sets(
    files: Mapping[tuple[str, ...], Path],
    summary: pd.DataFrame,
    metric: str,
    alpha: float,
    *,
    n_resamples: int,
    seed: int,
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    pairs: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Compare arms on every test set: a bootstrap of the study's metric, McNemar's test, DeLong's with two classes.

    DeLong's test is left out where either method gives all subjects the same score: it would test a constant.

    Args:
        files: Predictions by cohort, test set (``tested_on``), arm and classifier; those without rows are left out.
        summary: ``tables.SUMMARY`` of the cross-validation, which chose the classifier of each arm.
        metric: The study's metric; higher is better.
        alpha: Level at which Holm's p value decides the verdict.
        n_resamples: Resamples of subjects.
        seed: The study's seed.
        positives: Positive class of a cohort, or None for the default.
        metrics_of: What metrics count on a cohort, ``subject`` or ``image``; subjects when it is not named.
        pairs: Pairs of arms, such as those of the planned contrasts; every pair of arms when None. An arm that sees no
            features is in no pair.

    Returns:
        Rows of ``tables.TEST_PAIRS``; Holm's correction is over the pairs of a cohort, test set and test.

    Raises:
        TableError: A file is damaged, or two methods predict different subjects of one test set.
    """
    rows: list[dict[str, Any]] = []
    for cohort, tested_on in dict.fromkeys(key[:2] for key in files):
        counted, positive = metrics_of.get(cohort, "subject"), positives.get(cohort)
        tested: dict[str, _Tested] = {}
        for arm, method in chosen_methods(summary, cohort, metric).items():
            file = files.get((cohort, tested_on, *method))
            predictions = None if file is None else PREDICTIONS.read(file)
            if predictions is not None and len(predictions):
                tested[arm] = _tested(at_level(predictions, counted, positive), metric, n_resamples, seed, positive)
                _check_same(tested[arm], next(iter(tested.values())), file)
        chosen = chosen_methods(summary, cohort, metric)
        wanted = combinations(tested, 2) if pairs is None else pairs
        families: dict[str, list[tuple[dict[str, Any], Any]]] = {"bootstrap": [], "mcnemar": [], "delong": []}
        for a, b in dict.fromkeys(wanted):
            if a not in tested or b not in tested:
                continue
            names = ("arm_a", "classifier_a", "arm_b", "classifier_b")
            shared: dict[str, Any] = {"cohort": cohort, "tested_on": tested_on}
            shared |= dict(zip(names, (*chosen[a], *chosen[b]), strict=True))
            shared["n_subjects"] = len(np.unique(tested[a].scores.subjects))
            for name, facts, ends in _tests(tested[a], tested[b], metric):
                families[name].append((shared | {"test": name} | facts, ends))
        for family in families.values():
            rows += _judged(family, alpha)
    return TEST_PAIRS.check(pd.DataFrame(rows, columns=TEST_PAIRS.column_names), TEST_PAIRS.name)


def _tested(predictions: pd.DataFrame, metric: str, n_resamples: int, seed: int, positive: str | None) -> _Tested:
    resampled = resample_metric(predictions, metric, n_resamples=n_resamples, seed=seed, positive=positive)
    scores = mean_scores(predictions)
    if predictions["repeat"].nunique() > 1:
        return _Tested(resampled, scores, scores.right)
    names = [name for name in ("subject_id", IMAGE) if name in predictions]
    ordered = predictions.sort_values(names, kind="stable")  # the order of mean_scores
    return _Tested(resampled, scores, (ordered["predicted"] == ordered["label"]).to_numpy(dtype=bool))


def _check_same(latest: _Tested, first: _Tested, file: object) -> None:
    ours, theirs = latest.scores, first.scores
    if not np.array_equal(ours.subjects, theirs.subjects) or not np.array_equal(ours.true, theirs.true):
        raise TableError(
            file,
            "its subjects or their classes are not those of the other predictions on this test set",
            "delete the folder of predictions of this cohort and run snakemake again",
        )


def _tests(a: _Tested, b: _Tested, metric: str) -> list[tuple[str, dict[str, Any], Any]]:
    """Return name, facts, and what gives the interval at a level, of the tests of one pair."""
    difference = paired_difference(a.resampled, b.resampled)
    found: list[tuple[str, dict[str, Any], Any]] = [
        (
            "bootstrap",
            {"metric": metric, "difference": difference.difference, "p_value": difference.p_value},
            difference.interval,
        )
    ]
    of_images = a.scores.images is not None
    right = clustered_mcnemar(a.right, b.right, a.scores.subjects) if of_images else exact_mcnemar(a.right, b.right)
    shift = (right.only_a - right.only_b) / len(a.right)
    facts = {"metric": "accuracy", "difference": shift, "p_value": right.p_value}
    found.append(("mcnemar", facts, None if of_images else lambda level: mcnemar_interval(right, level)))
    positive = a.scores.true == 1
    scores = (a.scores.scores[:, -1], b.scores.scores[:, -1])
    two_classes = a.scores.scores.shape[1] == 2
    if two_classes and all(np.ptp(own) > 0 for own in scores) and _may_rank(a.scores, positive):
        test = clustered_delong(*scores, positive, a.scores.subjects)

        def ends(level: float) -> tuple[float, float]:
            again = clustered_delong(*scores, positive, a.scores.subjects, level)
            return again.ci_low, again.ci_high

        found.append(("delong", {"metric": "macro_auc", "difference": test.difference, "p_value": test.p_value}, ends))
    return found


def _may_rank(scores: SubjectScores, positive: np.ndarray) -> bool:
    return min(len(np.unique(scores.subjects[own])) for own in (positive, ~positive)) >= 2


def mcnemar_interval(test: McNemarTest, level: float) -> tuple[float, float]:
    """Return the interval of the difference in accuracy that belongs to McNemar's exact test.

    Of the subjects that only one method gets right, the share of the first has Clopper and Pearson's exact interval
    (Biometrika 26, 1934); the number of such subjects is taken as given, as by the test.
    """
    from scipy.stats import binomtest

    told_apart = test.only_a + test.only_b
    n = told_apart + test.both + test.neither
    if not told_apart:
        return _NAN, _NAN
    share = binomtest(test.only_a, told_apart).proportion_ci(level, method="exact")
    return (2 * share.low - 1) * told_apart / n, (2 * share.high - 1) * told_apart / n


def step_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """Return the confidence at which each interval excludes 0 exactly when Holm's procedure rejects.

    Holm tests the smallest of m p values at alpha / m, the next at alpha / (m - 1), and stops at the first that is not
    below; those after it are held to the level of that step.

    Args:
        p_values: Uncorrected p values; NaN where a test was not defined.
        alpha: Level of the family.
    """
    defined = sorted((p, place) for place, p in enumerate(p_values) if not np.isnan(p))
    levels, left = [_NAN] * len(p_values), len(defined)
    stopped: float | None = None
    for p, place in defined:
        step = alpha / left if stopped is None else stopped
        levels[place] = 1 - step
        if stopped is None and p >= step:
            stopped = step
        left -= 1
    return levels


def _judged(family: list[tuple[dict[str, Any], Any]], alpha: float) -> list[dict[str, Any]]:
    """Return the rows of one family with Holm's correction over them, and intervals at the level of its steps."""
    p_values = [row["p_value"] for row, _ in family]
    rows = []
    for (row, ends), p_holm, level in zip(family, holm(p_values), step_levels(p_values, alpha), strict=True):
        low, high = (_NAN, _NAN) if ends is None or np.isnan(level) else ends(level)
        verdict = decide(row["difference"], p_holm, alpha)
        rows.append(row | {"p_holm": p_holm, "level": level, "ci_low": low, "ci_high": high, "verdict": verdict})
    return rows
