"""Metrics of one method within the groups of its subjects, and the differences between them.

Folds are too small to be cut into groups, so the metrics are those of pooled out-of-fold predictions, and the intervals
say how sure they are of *these fitted models*: other subjects of the same group, the same models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.evaluation.bootstrap import bca_limits, subject_weights
from sixgig.evaluation.clusters import Clusters
from sixgig.evaluation.metrics import METRICS, Outcomes, metric_names, outcomes, weighted_metrics
from sixgig.evaluation.recalls import WILSON, wilson_of_metric
from sixgig.evaluation.runs import widen_metric
from sixgig.evaluation.seeds import values_spread, widened
from sixgig.tables.groups import DIFFERENCE, GAP, GROUPS
from sixgig.tables.predictions import IMAGE

Floats = NDArray[np.float64]
_SAME = 1e-12
#: Columns of means over seeds.
SEED_COLUMNS = ("n_seeds", "seed_sd")
#: Stands between two values of a group.
AGAINST = " - "


@dataclass(frozen=True)
class Within:
    """A metric within one value of a group.

    Attributes:
        estimate: Mean over repeats and seeds; NaN when it is undefined or there are too few subjects.
        n_subjects: Subjects with that value.
        method: How intervals are made, or ``none: why``.
        limits: Confidence level -> ends of the interval, which knows nothing of seeds; NaN without one.
        by_seed: Estimate by number of the seed; empty where every arm of the study has one.
    """

    estimate: float
    n_subjects: int
    method: str
    limits: Callable[[float], tuple[float, float]]
    by_seed: Mapping[int, float] = field(default_factory=dict)


def group_metrics(
    predictions: pd.DataFrame,
    groups: pd.DataFrame,
    *,
    n_resamples: int,
    seed: int,
    minimum: int = 5,
    alpha: float = 0.05,
    positive: str | None = None,
    seeds: Mapping[int, int] | None = None,
) -> pd.DataFrame:
    """Return every metric within every value of every group, and the differences between values.

    Recalls and accuracy of subjects have Wilson intervals (:mod:`sixgig.evaluation.recalls`), which know that a small
    group without a mistake may hold one; other metrics, and those of images, have the subjects' bootstrap within each
    class. Two values have different subjects, so the interval of their difference follows from their own (MOVER: Zou
    and Donner, Statistics in Medicine 27, 2008, equation 5). The intervals of all pairs of a group hold together
    (Bonferroni), so the largest difference lies between the largest of their lower ends and the largest of their upper
    ones. The estimate of that gap is still too high: the best and the worst of several values differ by chance, too.

    With several seeds estimates are means over them, and intervals hold how far the seeds lie apart: of a difference
    that of the seeds' differences, since one training that is worse may be so in both groups. See
    :func:`sixgig.evaluation.seeds.widened`.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort, arm and classifier.
        groups: ``tables.SUBJECT_GROUPS`` of the cohort. Subjects without a value, or that are not predicted, are left
            out.
        n_resamples: Resamples of the subjects.
        seed: Seed of the resamples.
        minimum: Subjects of each class that a value needs; with fewer it has no estimate.
        alpha: One minus the level of the intervals.
        positive: See ``sixgig.evaluation.metrics.positive_class``.
        seeds: Number of the seed behind every repeat; None where every arm of the study has one.

    Returns:
        Columns of ``tables.GROUPS`` from ``metric`` on, by group, metric, and value in order of name.
    """
    rows: list[dict[str, Any]] = []
    predicted = set(predictions["subject_id"].astype(str))
    known = groups[groups["value"].notna() & groups["subject_id"].isin(predicted)]
    for group, own in known.groupby("group", sort=False):
        value_of = dict(zip(own["subject_id"].astype(str), own["value"].astype(str), strict=True))
        found = {
            value: _within(predictions, value_of, value, n_resamples, seed, minimum, positive, seeds or {})
            for value in sorted(set(value_of.values()), key=value_order)
        }
        for metric in next(iter(found.values()), {}):
            within = {value: one[metric] for value, one in found.items()}
            named = {"metric": metric, "group": group}
            rows += [named | row for row in (*_own(within, metric, alpha), *differences(within, metric, alpha))]
    columns = GROUPS.column_names[GROUPS.column_names.index("metric") :]
    return pd.DataFrame(rows, columns=columns if seeds is None else [*columns, *SEED_COLUMNS])


def value_order(value: str) -> tuple[int, float, str]:
    """Sort key of a group's values: ranges of numbers from the lowest, then words."""
    if value.startswith("< "):
        return 0, float("-inf"), value
    if value.startswith(">= "):
        return 0, float(value.removeprefix(">= ").split(",")[0]), value
    return 1, 0.0, value


def _within(
    predictions: pd.DataFrame,
    value_of: Mapping[str, str],
    value: str,
    n_resamples: int,
    seed: int,
    minimum: int,
    positive: str | None,
    seed_of: Mapping[int, int],
) -> dict[str, Within]:
    """Return every metric on the subjects with one value."""
    rows = predictions[predictions["subject_id"].astype(str).map(value_of) == value]
    unit = IMAGE if IMAGE in rows else "subject_id"
    rows = rows.sort_values(list(dict.fromkeys(["repeat", "subject_id", unit])), kind="stable")
    found_in = {
        repeat: outcomes(rows[rows["repeat"] == repeat], positive) for repeat in map(int, np.unique(rows["repeat"]))
    }
    repeats = list(found_in.values())
    first = rows[rows["repeat"] == rows["repeat"].min()]
    names = first["subject_id"].to_numpy(dtype=str)
    classes = repeats[0].classes
    held = {name: len(np.unique(names[repeats[0].true == index])) for index, name in enumerate(classes)}
    n_subjects, few = len(np.unique(names)), min(held, key=lambda name: held[name])
    metrics = metric_names(len(classes))
    if held[few] < minimum:
        nothing = f"none: {held[few]} subjects of class {few!r}, and {minimum} are needed"
        return {name: Within(np.nan, n_subjects, nothing, _no_limits) for name in metrics}
    clusters = Clusters.of(names, np.asarray(classes)[repeats[0].true])
    n_rows, strata = len(names), clusters.strata
    whole = np.ones((1, n_rows))
    centres = {name: float(values[0]) for name, values in _mean(repeats, whole).items()}
    of_seeds = {
        number: _mean([one for repeat, one in found_in.items() if seed_of[repeat] == number], whole)
        for number in dict.fromkeys(seed_of.values())
    }
    wilson = {} if len(names) > n_subjects else {name: wilson_of_metric(name, repeats) for name in metrics}
    blocks = [clusters.spread([block]) for block in subject_weights(strata, n_resamples, seed, n_rows)]
    resampled = _joined([_mean(repeats, block) for each in blocks for block in each])
    jackknife = _mean(repeats, (1.0 - np.eye(n_subjects))[:, clusters.members])
    found = {}
    for name in metrics:
        exact = wilson.get(name)
        if np.isnan(centres[name]):
            found[name] = Within(np.nan, n_subjects, "none: undefined on these subjects", _no_limits)
        elif exact is not None:
            found[name] = Within(centres[name], n_subjects, WILSON, exact)
        else:
            found[name] = _bootstrapped(centres[name], resampled[name], jackknife[name], strata)
        by_seed = {number: float(values[name][0]) for number, values in of_seeds.items()}
        found[name] = replace(found[name], by_seed=by_seed)
    return found


def _bootstrapped(centre: float, values: Floats, jackknife: Floats, strata: NDArray[np.str_]) -> Within:
    n_subjects = len(strata)
    if np.isnan(values).any() or np.isnan(jackknife).any():
        return Within(centre, n_subjects, "none: undefined without some of the subjects", _no_limits)
    if np.ptp(values) <= _SAME:
        return Within(centre, n_subjects, "none: every resample gives the same value", _no_limits)

    def bca(level: float) -> tuple[float, float]:
        low, high = bca_limits(np.array([centre]), values[None], jackknife[None], strata, level)
        return float(low[0]), float(high[0])

    def percentile(level: float) -> tuple[float, float]:
        low, high = np.percentile(values, [50 * (1 - level), 50 * (1 + level)])
        return float(low), float(high)

    # At the extreme level of many pairs BCa may leave the resamples; it does so at no lower one then.
    defined = not np.isnan(bca(0.9999)[0])
    return Within(centre, n_subjects, "bca" if defined else "percentile", bca if defined else percentile)


def _own(within: Mapping[str, Within], metric: str, alpha: float) -> list[dict[str, Any]]:
    rows = []
    for value, one in within.items():
        spread = values_spread(one.by_seed)
        low, high = widen_metric(metric, one.estimate, *one.limits(1 - alpha), spread, alpha)
        row = _row(value, None, one.estimate, low, high, one.n_subjects, one.method)
        rows.append(row | _seed_columns(one.by_seed))
    return rows


def _seed_columns(by_seed: Mapping[int, float]) -> dict[str, Any]:
    """Return the number of seeds in which a value is defined, and their spread; nothing where there is one seed."""
    if not by_seed:
        return {}
    return dict(zip(SEED_COLUMNS, (sum(map(np.isfinite, by_seed.values())), values_spread(by_seed).sd), strict=True))


def differences(within: Mapping[str, Within], metric: str, alpha: float) -> list[dict[str, Any]]:
    """Return the rows of all pairs of values that have an estimate, and that of the gap; none with fewer than two."""
    there = {value: one for value, one in within.items() if not np.isnan(one.estimate)}
    pairs = list(combinations(there, 2))
    if not pairs:
        return []
    alpha /= len(pairs)
    level = 1 - alpha
    limits = {value: one.limits(level) for value, one in there.items()}
    rows, lows, highs = [], [], []
    for a, b in pairs:
        x, y = there[a].estimate, there[b].estimate
        by_seed = {number: there[a].by_seed[number] - there[b].by_seed[number] for number in there[a].by_seed}
        low, high = mover(x, limits[a], y, limits[b])
        low, high = widened(x - y, low, high, values_spread(by_seed), alpha, (-2.0, 2.0))
        lows.append(max(low, -high, 0.0))
        highs.append(max(high, -low))
        method = "mover" if not np.isnan(low) else "none: one of the two has no interval"
        n_subjects = there[a].n_subjects + there[b].n_subjects
        row = _row(DIFFERENCE, f"{a}{AGAINST}{b}", x - y, low, high, n_subjects, method)
        rows.append(row | _seed_columns(by_seed))
    best = max(there, key=lambda value: there[value].estimate)
    worst = min(reversed(list(there)), key=lambda value: there[value].estimate)  # another one where all are equal
    if not METRICS[metric].higher_is_better:
        best, worst = worst, best
    whole = not np.isnan([*lows, *highs]).any()
    n_subjects = sum(one.n_subjects for one in there.values())
    rows.append(
        _row(
            GAP, f"{best}{AGAINST}{worst}", abs(there[best].estimate - there[worst].estimate),
            max(lows) if whole else np.nan, max(highs) if whole else np.nan, n_subjects,
            "pairs" if whole else "none: a value has no interval",
        )
    )  # fmt: skip
    return rows


def mover(a: float, of_a: tuple[float, float], b: float, of_b: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of a minus b from those of a and b, which are independent (Zou and Donner, 2008)."""
    low = a - b - np.hypot(a - of_a[0], of_b[1] - b)
    high = a - b + np.hypot(of_a[1] - a, b - of_b[0])
    return float(low), float(high)


def _row(
    value: str, between: str | None, estimate: float, low: float, high: float, n_subjects: int, method: str
) -> dict[str, Any]:
    return {
        "value": value, "between": between, "estimate": estimate, "ci_low": low, "ci_high": high,
        "n_subjects": n_subjects, "method": method,
    }  # fmt: skip


def _no_limits(level: float) -> tuple[float, float]:
    del level
    return np.nan, np.nan


def _mean(repeats: list[Outcomes], weights: Floats) -> dict[str, Floats]:
    """Return the mean over repeats of every metric, [n_sets]."""
    values = [weighted_metrics(repeat, weights) for repeat in repeats]
    return {name: np.mean([value[name] for value in values], axis=0) for name in values[0]}


def _joined(parts: list[dict[str, Floats]]) -> dict[str, Floats]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
