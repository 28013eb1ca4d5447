"""Methods that do on unseen subjects what their cross-validation did not promise. A pure function of tables."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.statistics.test_sets import Method, chosen_methods
from sixgig.tables.use import HELD_OUT

#: What kinds of disagreement there are, gravest first.
CHANCE, WORSE, BETTER = "chance", "worse", "better"
KINDS = (CHANCE, WORSE, BETTER)


@dataclass(frozen=True)
class Disagreement:
    """One method on one test set.

    Attributes:
        kind: ``chance``: cross-validation is better than guessing, the test set is not shown to be; ``worse``,
            ``better``: either estimate lies outside the other's interval.
        tested_on: The test set, ``held_out`` or an external cohort.
        method: Arm and classifier.
        validated: Estimate of the cross-validation.
        tested: Estimate on the test set.
        low: Lower end of its interval.
        high: Upper end.
    """

    kind: str
    tested_on: str
    method: Method
    validated: float
    tested: float
    low: float
    high: float


def disagreements(
    cohort: str, summary: pd.DataFrame, test_summary: pd.DataFrame, metric: str, n_classes: int | None
) -> list[Disagreement]:
    """Compare what a cohort's test sets say of its methods with their cross-validation, on the study's metric.

    Only what intervals support is a disagreement: an estimate that is merely lower is not.

    Args:
        cohort: The cohort whose subjects trained the methods.
        summary: ``tables.SUMMARY`` of the cross-validation, with intervals of the procedure. Of each arm that
            method counts which it chose.
        test_summary: The same on test sets; without the column ``tested_on`` all are the official one.
        metric: The study's metric.
        n_classes: Classes of the cohort, for the level of guessing; None when unknown.

    Returns:
        The disagreements, gravest kind first, in the order of the tables.
    """
    chosen = chosen_methods(summary, cohort, metric)
    rows = summary[(summary["cohort"] == cohort) & (summary["metric"] == metric)]
    validated = {(str(row["arm"]), str(row["classifier"])): row for _, row in rows.iterrows()}
    tested = test_summary[(test_summary["cohort"] == cohort) & (test_summary["metric"] == metric)]
    found = []
    for _, row in tested.iterrows():
        method = (str(row["arm"]), str(row["classifier"]))
        if chosen.get(method[0]) == method and not pd.isna(row["estimate"]):
            kind = _kind(validated[method], row, metric, n_classes)
            place = HELD_OUT if "tested_on" not in row or pd.isna(row["tested_on"]) else str(row["tested_on"])
            values = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
            if kind:
                found.append(Disagreement(kind, place, method, float(validated[method]["estimate"]), *values))
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _kind(before: pd.Series, row: pd.Series, metric: str, n_classes: int | None) -> str:
    guess = METRICS[metric].guess
    level = guess(n_classes) if guess is not None and n_classes else float("nan")
    if float(before["ci_low"]) > level >= float(row["ci_low"]):
        return CHANCE
    if float(row["estimate"]) < float(before["ci_low"]) and float(row["ci_high"]) < float(before["estimate"]):
        return WORSE
    if float(row["estimate"]) > float(before["ci_high"]) and float(row["ci_low"]) > float(before["estimate"]):
        return BETTER
    return ""
