"""Every pair of methods of a cohort with the differences of their scores, fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import ConfigError
from sixgig.evaluation.metrics import METRICS
from sixgig.evaluation.seeds import SeedSpread, mean_over_seeds, seed_variance

_METHOD = ["arm", "classifier"]


class Pair(NamedTuple):
    """Two methods of one cohort.

    Attributes:
        cohort: The cohort.
        a: Arm and classifier of the first method.
        b: Arm and classifier of the second method.
    """

    cohort: str
    a: tuple[str, str]
    b: tuple[str, str]

    def columns(self) -> dict[str, str]:
        """Return the columns that name the pair in a table."""
        names = {"arm_a": self.a[0], "classifier_a": self.a[1], "arm_b": self.b[0], "classifier_b": self.b[1]}
        return {"cohort": self.cohort, **names}


def fold_differences(metrics: pd.DataFrame, metric: str) -> Iterator[tuple[Pair, NDArray[np.float64]]]:
    """Yield every pair of methods with its differences, cohort by cohort, in the order in which methods appear.

    Scores are paired on repeat and fold, and are means over the seeds of an arm that has several; folds in which either
    score is undefined are left out, so that a pair may have few differences, or none. A method without any defined
    score (it failed) is in no pair.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts.
        metric: Metric to compare.

    Raises:
        ConfigError: There is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}", "there is no such metric", f"use one of {', '.join(METRICS)}")
    rows = mean_over_seeds(metrics[(metrics["metric"] == metric) & metrics["value"].notna()])
    for cohort, own in rows.groupby("cohort", sort=False):
        scores = {
            key: part.set_index(["repeat", "fold"])["value"].astype(float)
            for key, part in own.groupby(_METHOD, sort=False)
        }
        for a, b in combinations(scores, 2):
            paired = (scores[a] - scores[b]).dropna().sort_index()
            yield Pair(str(cohort), (str(a[0]), str(a[1])), (str(b[0]), str(b[1]))), np.asarray(paired, np.float64)


def seed_spreads(metrics: pd.DataFrame, metric: str) -> Callable[[Pair], SeedSpread | None]:
    """Return what tells for a pair how far its mean difference lies apart between seeds; None in studies with one seed.

    Args:
        metrics: ``tables.METRICS`` of any number of cohorts.
        metric: Metric to compare.
    """
    if "seed" not in metrics:
        return lambda pair: None
    rows = metrics[(metrics["metric"] == metric) & metrics["value"].notna()]
    scores = {tuple(map(str, key)): part for key, part in rows.groupby(["cohort", *_METHOD], sort=False)}

    def spread(pair: Pair) -> SeedSpread | None:
        return seed_variance(scores[pair.cohort, *pair.a], scores[pair.cohort, *pair.b])

    return spread
