"""Builds the tables of one cohort, from estimates and verdicts of contrasts, or from fold scores by the real code."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sixgig.statistics.contrasts import Settings, weigh_contrasts
from sixgig.statistics.selection import score_procedures, summarise_procedures
from sixgig.tables.contrasts import ARM_SUMMARY, CONTRASTS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.verdicts.tables import CohortTables

METRIC = "balanced_accuracy"
CNN, PURE, MIM = "baseline_cnn", "vit_pure", "vit_mim"
RANDOM, MAJORITY = "control_random_vit", "control_majority_class"
FAILED = "failed: the disk was full"


def by_hand(
    estimates: dict[str, float | str],
    contrasts: list[tuple[str, str, str, str]],
    metric: str = METRIC,
    half: float = 0.04,
    best: float | None = None,
    test_pairs: list[tuple[str, str, str, str]] | None = None,
    n_seeds: int | None = None,
    **more: object,
) -> CohortTables:
    """Return tables in which the contrasts show what is given.

    Args:
        estimates: Estimate of every arm; NaN where undefined, or its status when it failed.
        contrasts: Question, a, b and verdict.
        metric: The metric.
        half: Half width of the arms' intervals; NaN for none.
        best: Estimate of the procedure that chooses the arm inside.
        test_pairs: Test set, a, b and verdict of the bootstrap test there.
        n_seeds: Training runs of every arm.
        **more: Further attributes of the tables.
    """
    rows, procedures = [], []
    for arm, value in estimates.items():
        status = value if isinstance(value, str) else "ok"
        number = float("nan") if isinstance(value, str) else value
        classifier = "majority_class" if arm == MAJORITY else "svm"
        row = dict.fromkeys(SUMMARY.column_names) | {"cohort": "c", "arm": arm, "classifier": classifier}
        row |= {"metric": metric, "estimate": number, "n_subjects": 100, "status": status}
        rows.append(row | ({} if n_seeds is None else {"n_seeds": n_seeds}))
        if not np.isnan(number):
            procedures.append(("c", arm, metric, number, number - half, number + half, "svm 15", 0.0))
    if best is not None:
        procedures.append(("c", "best", metric, best, best - half, best + half, "", 0.02))
    tested = [_contrast(estimates, metric, *contrast) for contrast in contrasts]
    pairs = None
    if test_pairs is not None:
        pairs = pd.DataFrame([_test_pair(metric, *pair) for pair in test_pairs])
    return CohortTables(
        "c",
        metric,
        pd.DataFrame(rows),
        ARM_SUMMARY.check(pd.DataFrame(procedures, columns=ARM_SUMMARY.column_names), "test"),
        CONTRASTS.check(pd.DataFrame(tested, columns=CONTRASTS.column_names), "test"),
        test_pairs=pairs,
        **({"n_classes": 2} | more),  # type: ignore[arg-type]
    )


def by_scores(
    values: dict[tuple[str, str], list[float]],
    planned: list[tuple[str, str, str]],
    folds: int = 5,
    n_subjects: int = 100,
    status: dict[str, str] | None = None,
    rope: float = 0.01,
    **more: object,
) -> CohortTables:
    """Return tables that the real code computes from the fold scores of methods, in order of repeat and fold."""
    rows = [
        ("c", arm, classifier, METRIC, place // folds, place % folds, value)
        for (arm, classifier), scores in values.items()
        for place, value in enumerate(scores)
    ]
    metrics = METRICS.check(pd.DataFrame(rows, columns=METRICS.column_names), "test")
    scores, ratio = score_procedures(metrics, METRIC), 1 / (folds - 1)
    summary = [
        dict.fromkeys(SUMMARY.column_names)
        | {"cohort": "c", "arm": arm, "classifier": classifier, "metric": METRIC, "n_subjects": n_subjects}
        | {"estimate": float(np.nanmean(own)) if np.isfinite(own).any() else float("nan")}
        | {"status": (status or {}).get(arm, "ok")}
        for (arm, classifier), own in values.items()
    ]
    alpha = float(str(more.get("alpha", 0.05)))
    contrasts = weigh_contrasts(scores, planned, METRIC, Settings(ratio, alpha, rope), {"c": n_subjects})
    procedures = summarise_procedures(scores, metrics, METRIC, ratio, alpha)
    return CohortTables(
        "c", METRIC, pd.DataFrame(summary), procedures, contrasts, **({"n_classes": 2} | more)  # type: ignore[arg-type]
    )  # fmt: skip


def _contrast(estimates: dict[str, float | str], metric: str, question: str, a: str, b: str, verdict: str) -> tuple:
    values = [estimates.get(arm) for arm in (a, b)]
    if verdict.startswith("not testable"):
        return ("c", metric, question, a, b, *(None,) * 8, 3, 0.01, *(None,) * 4, verdict)
    difference = 0.0 if any(isinstance(value, str) or value is None for value in values) else values[0] - values[1]
    sign = {"a better": 1, "b better": -1}.get(verdict)
    difference = difference if sign is None else sign * max(abs(difference), 0.01)
    wide = abs(difference) * 2 + 0.02
    low, high = (difference - wide, difference + wide) if sign is None else (difference * 0.2, difference * 1.8)
    low, high = min(low, high), max(low, high)
    p = (0.3, 0.9) if sign is None else (0.001, 0.003)
    same = 0.001 if verdict == "equivalent" else 0.8
    found = (difference, 0.02, 14, low, high, 0.98, *p, 3, 0.01, same, same, 0.1, 400, verdict)
    return ("c", metric, question, a, b, *found)


def _test_pair(metric: str, place: str, a: str, b: str, verdict: str) -> dict[str, str]:
    """Return what a verdict reads of a row of ``tables.TEST_PAIRS``."""
    names = {"cohort": "c", "tested_on": place, "metric": metric, "arm_a": a, "classifier_a": "svm", "arm_b": b}
    return names | {"classifier_b": "svm", "test": "bootstrap", "verdict": verdict}
