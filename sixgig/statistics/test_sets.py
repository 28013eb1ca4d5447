"""Pairs of arms, compared on subjects that neither had seen: official test sets and external cohorts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sixgig.classifiers.registry import alone
from sixgig.errors import TableError
from sixgig.evaluation.paired_bootstrap import Resampled, metric_of, paired_difference, resample_metric
from sixgig.evaluation.runs import Run, joined, read_runs, runs_of
from sixgig.evaluation.seeds import values_spread
from sixgig.statistics.delong import clustered_delong
from sixgig.statistics.mcnemar import McNemarTest, clustered_mcnemar, exact_mcnemar
from sixgig.statistics.multiplicity import decide, holm
from sixgig.statistics.seed_verdicts import AGREEMENT, of_seed, seeds_in, tell_agreement
from sixgig.statistics.subjects import SubjectScores, mean_scores
from sixgig.tables.predictions import IMAGE
from sixgig.tables.test_pairs import TEST_PAIRS

#: Arm and classifier.
Method = tuple[str, str]
_NAN = float("nan")


class _Fitted(NamedTuple):
    """One fitted model on a test set."""

    scores: SubjectScores
    right: np.ndarray


class _Tested(NamedTuple):
    """One method on a test set: its metric over all seeds, each seed's, and the models by number of the seed."""

    resampled: Resampled
    by_seed: dict[int, float]
    models: dict[int, _Fitted]


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

    With several seeds the bootstrap compares means over them, with their spread in its error; McNemar's and DeLong's
    tests are those of the first seed, with how many seeds agree (:mod:`sixgig.statistics.seed_verdicts`).

    Args:
        files: Predictions by cohort, test set (``tested_on``), arm and classifier, an arm of several seeds under a name
            for each; those without rows are left out.
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
    methods = runs_of(files, place=2)
    for cohort, tested_on in dict.fromkeys(key[:2] for key in files):
        counted, positive = metrics_of.get(cohort, "subject"), positives.get(cohort)
        tested: dict[str, _Tested] = {}
        chosen = chosen_methods(summary, cohort, metric)
        for arm, method in chosen.items():
            keys = methods.get((cohort, tested_on, *method), [])
            runs = read_runs(files, keys, counted, positive, place=2)
            if runs:
                tested[arm] = _tested(runs, metric, n_resamples, seed, positive)
                for model in tested[arm].models.values():
                    _check_same(model, _first(next(iter(tested.values()))), files[keys[0]])
        wanted = combinations(tested, 2) if pairs is None else pairs
        asked = [pair for pair in dict.fromkeys(wanted) if pair[0] in tested and pair[1] in tested]
        for compare in (_bootstrap, _mcnemar, _delong):
            family = _Family(compare, metric, tested, asked, alpha)
            seeds = seeds_in(own.models for own in tested.values())
            for row in family.rows(seeds):
                a, b = row["arm_a"], row["arm_b"]
                row |= {"cohort": cohort, "tested_on": tested_on, "n_subjects": _n_subjects(tested[a])}
                rows.append(row | {"classifier_a": chosen[a][1], "classifier_b": chosen[b][1]})
    rare = [name for name in AGREEMENT if any(name in row for row in rows)]
    return TEST_PAIRS.check(pd.DataFrame(rows, columns=[*TEST_PAIRS.column_names, *rare]), TEST_PAIRS.name)


def _first(tested: _Tested) -> _Fitted:
    return next(iter(tested.models.values()))


def _n_subjects(tested: _Tested) -> int:
    return len(np.unique(_first(tested).scores.subjects))


def _tested(runs: Sequence[Run], metric: str, n_resamples: int, seed: int, positive: str | None) -> _Tested:
    together = joined(runs)
    return _Tested(
        resample_metric(together, metric, n_resamples=n_resamples, seed=seed, positive=positive),
        {run.seed: metric_of(run.predictions, metric, positive) for run in runs},
        {run.seed: _fitted(run.predictions) for run in runs},
    )


def _fitted(predictions: pd.DataFrame) -> _Fitted:
    scores = mean_scores(predictions)
    if predictions["repeat"].nunique() > 1:
        return _Fitted(scores, scores.right)
    names = [name for name in ("subject_id", IMAGE) if name in predictions]
    ordered = predictions.sort_values(names, kind="stable")  # the order of mean_scores
    return _Fitted(scores, (ordered["predicted"] == ordered["label"]).to_numpy(dtype=bool))


def _check_same(latest: _Fitted, first: _Fitted, file: object) -> None:
    ours, theirs = latest.scores, first.scores
    if not np.array_equal(ours.subjects, theirs.subjects) or not np.array_equal(ours.true, theirs.true):
        raise TableError(
            file,
            "its subjects or their classes are not those of the other predictions on this test set",
            "delete the folder of predictions of this cohort and run snakemake again",
        )


#: A test's columns, and what gives its interval at a level, or None.
_Test = tuple[dict[str, Any], Callable[[float], tuple[float, float]] | None]


class _Family(NamedTuple):
    """One kind of test on one test set, over which Holm's correction goes."""

    compare: Callable[[_Tested, _Tested, str, int | None], _Test | None]
    metric: str
    tested: Mapping[str, _Tested]
    pairs: Sequence[tuple[str, str]]
    alpha: float

    def rows(self, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows, and where there are several seeds how many are behind each."""
        if self.compare is not _bootstrap:
            return tell_agreement(self._of_seed, seeds)
        found = self._of_seed(None)
        if seeds:
            for (a, b), row in found.items():
                row["n_seeds"] = max(len(self.tested[a].models), len(self.tested[b].models))
        return list(found.values())

    def _of_seed(self, seed: int | None) -> dict[tuple[str, str], dict[str, Any]]:
        tests = {
            (a, b): test
            for a, b in self.pairs
            if (test := self.compare(self.tested[a], self.tested[b], self.metric, seed)) is not None
        }
        named = {pair: {"arm_a": pair[0], "arm_b": pair[1]} for pair in tests}
        family = [(named[pair] | facts, ends) for pair, (facts, ends) in tests.items()]
        return dict(zip(tests, _judged(family, self.alpha), strict=True))


def _bootstrap(a: _Tested, b: _Tested, metric: str, seed: int | None) -> _Test:
    """Compare the metric of two methods, means over their seeds."""
    del seed
    spread = values_spread(a.by_seed, b.by_seed)
    found = paired_difference(a.resampled, b.resampled).with_seeds(spread)
    facts = {"test": "bootstrap", "metric": metric, "difference": found.difference, "p_value": found.p_value}
    return facts, found.interval


def _mcnemar(a: _Tested, b: _Tested, metric: str, seed: int | None) -> _Test | None:
    """Compare which subjects two models get right."""
    del metric
    one, two = of_seed(a.models, seed), of_seed(b.models, seed)
    if one is None or two is None:
        return None
    of_images = one.scores.images is not None
    test = (
        clustered_mcnemar(one.right, two.right, one.scores.subjects)
        if of_images
        else exact_mcnemar(one.right, two.right)
    )
    shift = (test.only_a - test.only_b) / len(one.right)
    facts = {"test": "mcnemar", "metric": "accuracy", "difference": shift, "p_value": test.p_value}
    return facts, None if of_images else lambda level: mcnemar_interval(test, level)


def _delong(a: _Tested, b: _Tested, metric: str, seed: int | None) -> _Test | None:
    """Compare how two models rank subjects of two classes; None where either ranks nothing."""
    del metric
    one, two = of_seed(a.models, seed), of_seed(b.models, seed)
    if one is None or two is None or one.scores.scores.shape[1] != 2:
        return None
    positive, scores = one.scores.true == 1, (one.scores.scores[:, -1], two.scores.scores[:, -1])
    if not all(np.ptp(own) > 0 for own in scores) or not _may_rank(one.scores, positive):
        return None
    subjects = one.scores.subjects
    test = clustered_delong(*scores, positive, subjects)

    def ends(level: float) -> tuple[float, float]:
        again = clustered_delong(*scores, positive, subjects, level)
        return again.ci_low, again.ci_high

    return {"test": "delong", "metric": "macro_auc", "difference": test.difference, "p_value": test.p_value}, ends


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
