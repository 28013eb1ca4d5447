"""Where subjects that no method had seen say something else than cross-validation does. Pure functions of tables."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.statistics.test_sets import Method, chosen_methods
from sixgig.tables.test_pairs import HELD_OUT

#: The winner of a test, by its verdict: first or second.
_WINNER = {"a better": 1, "b better": -1}

#: What kinds of disagreement there are, gravest first.
OPPOSITE, REVERSED, DIFFERS, CHANCE, LOWER, HIGHER = "opposite", "reversed", "differs", "chance", "lower", "higher"
KINDS = (OPPOSITE, REVERSED, DIFFERS, CHANCE, LOWER, HIGHER)


@dataclass(frozen=True)
class Disagreement:
    """One disagreement.

    Attributes:
        kind: ``opposite``: a planned contrast is found in one direction by cross-validation and in the other on the
            test set; ``reversed``: it finds a difference against the direction of an undecided one; ``differs``: it
            finds one between arms that cross-validation calls equivalent; ``chance``: cross-validation is above
            guessing, the test set is not shown to be; ``lower``, ``higher``: either estimate lies outside the other's
            interval.
        tested_on: The test set, ``held_out`` or an external cohort.
        a: Method; of two the one that is better on the test set.
        b: The other one; None for a disagreement about one method.
        validated: Difference a minus b, or estimate, by cross-validation.
        tested: The same on the test set.
        low: Lower end of the interval of ``tested``.
        high: Upper end.
    """

    kind: str
    tested_on: str
    a: Method
    b: Method | None
    validated: float
    tested: float
    low: float
    high: float


def disagreements(
    cohort: str,
    summary: pd.DataFrame,
    test_summary: pd.DataFrame,
    test_pairs: pd.DataFrame,
    metric: str,
    *,
    n_classes: int | None,
    contrasts: pd.DataFrame | None = None,
) -> list[Disagreement]:
    """Compare what a cohort's test sets say with its cross-validation, on the study's metric.

    Only what a test or two intervals support is a disagreement: an estimate that is merely lower is not.

    Args:
        cohort: The cohort whose subjects trained the methods.
        summary: ``tables.SUMMARY`` of the cross-validation; its intervals are those of the procedure.
        test_summary: The same on test sets; without the column ``tested_on`` all are the official one.
        test_pairs: ``tables.TEST_PAIRS``; of its tests the bootstrap counts, which is on the study's metric.
        metric: The study's metric.
        n_classes: Classes of the cohort, for the level of guessing; None when unknown.
        contrasts: ``tables.CONTRASTS``; without them the direction of two arms is that of their estimates, and it
            counts as undecided.

    Returns:
        The disagreements, gravest kind first, in the order of the tables.
    """
    chosen = chosen_methods(summary, cohort, metric)
    rows = summary[(summary["cohort"] == cohort) & (summary["metric"] == metric)]
    validated = {(str(row["arm"]), str(row["classifier"])): row for _, row in rows.iterrows()}
    found = _of_pairs(cohort, test_pairs, metric, validated, contrasts)
    tested = test_summary[(test_summary["cohort"] == cohort) & (test_summary["metric"] == metric)]
    for _, row in tested.iterrows():
        method = (str(row["arm"]), str(row["classifier"]))
        if chosen.get(method[0]) == method and not pd.isna(row["estimate"]):
            found += _of_one(method, validated[method], row, metric, n_classes)
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _of_pairs(
    cohort: str,
    test_pairs: pd.DataFrame,
    metric: str,
    validated: dict[Method, pd.Series],
    contrasts: pd.DataFrame | None,
) -> list[Disagreement]:
    """Return where the better of two arms is another one on a test set."""
    planned = {}
    if contrasts is not None:
        own = contrasts[(contrasts["cohort"] == cohort) & (contrasts["metric"] == metric)]
        for _, row in own.iterrows():
            verdict = str(row["verdict"])
            decided, a, b = _WINNER.get(verdict, 0), str(row["a"]), str(row["b"])
            planned[a, b] = (float(row["difference"]), decided, verdict)
            planned[b, a] = (-float(row["difference"]), -decided, verdict)
    found = []
    rows = test_pairs[(test_pairs["cohort"] == cohort) & (test_pairs["test"] == "bootstrap")]
    for _, row in rows[rows["metric"] == metric].iterrows():
        winner = _WINNER.get(str(row["verdict"]), 0)
        if not winner:
            continue
        a, b = ((str(row[f"arm_{side}"]), str(row[f"classifier_{side}"])) for side in ("ab" if winner > 0 else "ba"))
        ends = sorted(winner * float(row[name]) for name in ("ci_low", "ci_high"))
        estimates = [float(validated[method]["estimate"]) if method in validated else float("nan") for method in (a, b)]
        known = (estimates[0] - estimates[1], 0, "undecided")
        before, decided, verdict = planned.get((a[0], b[0]), known)
        kind = OPPOSITE if decided < 0 else DIFFERS if verdict == "equivalent" else REVERSED
        if decided <= 0 and (kind != REVERSED or before < 0):
            tested = winner * float(row["difference"])
            found.append(Disagreement(kind, str(row["tested_on"]), a, b, before, tested, *ends))
    return found


def _of_one(
    method: Method, before: pd.Series, row: pd.Series, metric: str, n_classes: int | None
) -> list[Disagreement]:
    """Return where a method does on a test set what its cross-validation did not promise."""
    guess = METRICS[metric].guess
    level = guess(n_classes) if guess is not None and n_classes else float("nan")
    place = HELD_OUT if "tested_on" not in row or pd.isna(row["tested_on"]) else str(row["tested_on"])
    values = (float(before["estimate"]), float(row["estimate"]), float(row["ci_low"]), float(row["ci_high"]))
    if float(before["ci_low"]) > level >= values[2]:
        return [Disagreement(CHANCE, place, method, None, *values)]
    if values[1] < float(before["ci_low"]) and values[3] < values[0]:
        return [Disagreement(LOWER, place, method, None, *values)]
    if values[1] > float(before["ci_high"]) and values[2] > values[0]:
        return [Disagreement(HIGHER, place, method, None, *values)]
    return []
