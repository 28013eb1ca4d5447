"""The scores that statistics over cohorts start from: one estimate per cohort and method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import ConfigError
from sixgig.evaluation.metrics import METRICS

_METHOD = ["arm", "classifier"]
#: A method, as arm and classifier.
Pair = tuple[str, str]


@dataclass(frozen=True)
class Blocks:
    """Methods that have an estimate on every cohort, and those that do not.

    A cohort on which no method has an estimate is not a block. Controls are floors, not competitors: they would widen
    the critical difference and pull ranks apart without being what a study asks about, so they are left out.

    Attributes:
        cohorts: Cohorts that are blocks, in the order of the summary.
        methods: Arms with their classifiers that are ranked, in the order of the summary.
        scores: Their estimates, [n_cohorts, n_methods].
        controls: Controls that have an estimate on every one of these cohorts.
        control_scores: Their estimates, [n_cohorts, n_controls].
        left_out: Cohorts on which a method has no estimate, by method; those methods are in neither list.
    """

    cohorts: list[str]
    methods: list[Pair]
    scores: NDArray[np.float64]
    controls: list[Pair]
    control_scores: NDArray[np.float64]
    left_out: dict[Pair, list[str]]


def estimates_of(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of the summary that hold an estimate of a metric, with a column ``control``.

    Raises:
        ConfigError: There is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}", "there is no such metric", f"use one of {', '.join(METRICS)}")
    rows = summary[(summary["metric"] == metric) & summary["estimate"].notna()].astype(
        {"cohort": str, "arm": str, "classifier": str}
    )
    return rows.assign(control=rows["arm"].str.startswith("control_").astype(bool))


def blocks(summary: pd.DataFrame, metric: str) -> Blocks:
    """Arrange the estimates of a study with cohorts as blocks.

    Args:
        summary: ``tables.SUMMARY``.
        metric: The metric to compare.
    """
    rows = estimates_of(summary, metric)
    present = set(rows.loc[~rows["control"], "cohort"])
    cohorts = [str(cohort) for cohort in summary["cohort"].unique() if cohort in present]
    everything = [(str(arm), str(classifier)) for arm, classifier in summary[_METHOD].drop_duplicates().to_numpy()]
    values = rows.set_index(["cohort", *_METHOD])["estimate"].to_dict()
    left_out = {
        method: missing
        for method in everything
        if (missing := [cohort for cohort in cohorts if (cohort, *method) not in values])
    }

    def table(chosen: list[Pair]) -> NDArray[np.float64]:
        found = [[values[cohort, *method] for method in chosen] for cohort in cohorts]
        return np.array(found, dtype=np.float64).reshape(len(cohorts), len(chosen))

    kept = [method for method in everything if method not in left_out]
    methods = [method for method in kept if not method[0].startswith("control_")]
    controls = [method for method in kept if method[0].startswith("control_")]
    return Blocks(cohorts, methods, table(methods), controls, table(controls), left_out)
