"""What a method's score costs (seconds, memory, features), and for which methods nothing cheaper is as good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.statistics.blocks import estimates_of
from sixgig.tables.budget import BUDGET

#: Costs that a front is drawn for, and the columns that hold them.
COSTS = {"seconds": "seconds", "vram": "peak_vram_mb", "rss": "peak_rss_mb", "features": "n_features"}


def pareto_front(costs: Sequence[float], values: Sequence[float], higher_is_better: bool = True) -> list[bool]:
    """Mark the methods that no other one dominates.

    A method is dominated when another costs no more, scores no worse, and is better in one of the two. Methods that are
    equal in both are either all on the front or all off it.

    Args:
        costs: Less is better, [n].
        values: Scores, [n].
        higher_is_better: Direction of the scores.

    Returns:
        Whether each method is on the front, [n]; never one whose cost or score is missing (NaN).
    """
    cost = np.asarray(costs, dtype=np.float64)
    score = np.asarray(values, dtype=np.float64) * (1 if higher_is_better else -1)
    with np.errstate(invalid="ignore"):
        no_worse = (cost[:, None] <= cost) & (score[:, None] >= score)  # row against column
        better = (cost[:, None] < cost) | (score[:, None] > score)
    dominated = (no_worse & better).any(axis=0)
    return [bool(value) for value in ~dominated & ~np.isnan(cost) & ~np.isnan(score)]


def weigh_budget(
    summary: pd.DataFrame, costs: pd.DataFrame, sidecars: Mapping[tuple[str, ...], Mapping[str, Any]], metric: str
) -> pd.DataFrame:
    """Add to every method's estimate what it took, and mark the Pareto fronts of the arms of each cohort.

    A method is charged with the arm's own stages and its classifier, not with the work that all arms share. An arm that
    transforms another arm's features (its sidecar names that arm) is charged with those, too. An arm that is trained
    with several seeds is charged with the mean of a training: what it takes to have one such network. Controls
    are on no front: the majority class would always be the cheapest. There is no front of GPU memory unless every arm
    of the cohort ran on the GPU, since a CPU shows 0.

    Args:
        summary: ``tables.SUMMARY``.
        costs: ``tables.COSTS``.
        sidecars: What ``features/<cohort>/<arm>.json`` says, by cohort and arm; none for the majority class.
        metric: The metric of the estimates.

    Returns:
        Rows of ``tables.BUDGET``, one per cohort and method, failed ones included.
    """
    numbers = ["estimate", "ci_low", "ci_high"]
    known = estimates_of(summary, metric).set_index(["cohort", "arm", "classifier"])[numbers].to_dict(orient="index")
    rows: list[dict[str, Any]] = []
    methods = summary.drop_duplicates(["cohort", "arm", "classifier"])
    for _, method in methods.iterrows():
        key = (str(method["cohort"]), str(method["arm"]), str(method["classifier"]))
        sidecar = sidecars.get(key[:2], {})
        features = sidecar.get("n_features")
        row: dict[str, Any] = dict(zip(("cohort", "arm", "classifier"), key, strict=True)) | {"metric": metric}
        row |= {str(name): value for name, value in known.get(key, {}).items()}
        row |= method_costs(costs, *key, source_arm=_source_arm(sidecar))
        rows.append(row | {"n_features": features or None, "status": method["status"]})
    table = pd.DataFrame(rows, columns=BUDGET.column_names).astype({f"front_{name}": "string" for name in COSTS})
    for _, own in table.groupby("cohort", sort=False):
        _mark_fronts(table, own, METRICS[metric].higher_is_better)
    return BUDGET.check(table, f"budget by {metric}")


def _source_arm(sidecar: Mapping[str, Any]) -> str | None:
    """Return the arm whose features an arm transforms; older sidecars name it as the backbone, without weights."""
    old = None if sidecar.get("weights") else sidecar.get("backbone")
    found = sidecar.get("source_arm", old)
    return str(found) if found else None


def method_costs(
    costs: pd.DataFrame, cohort: str, arm: str, classifier: str, source_arm: str | None = None
) -> dict[str, Any]:
    """Add up what one method needs beyond the work shared by all arms.

    Args:
        costs: ``tables.COSTS``.
        cohort: The cohort.
        arm: The arm.
        classifier: Its classifier; the stages of the arm's other classifiers do not count.
        source_arm: The arm whose features this arm transforms, if any; its training and encoding count, too.

    Returns:
        Wall seconds in all and of training, encoding and classification; the highest peaks of memory in MiB; the device
        that computed the features (``cpu``, ``cuda``, or ``cpu and cuda``). All are None when the table holds no
        stage of the method.
    """
    rows = costs[costs["cohort"] == cohort]
    stage = rows["stage"].astype(str)
    of_features = ~stage.str.startswith(("classify:", "fractions:"))  # curves with fewer labels are no part of a method
    mine = (rows["arm"] == arm) & (of_features | (stage == f"classify:{classifier}"))
    borrowed = (rows["arm"] == source_arm) & of_features
    names = ("seconds", "seconds_train", "seconds_encode", "seconds_classify")
    if not mine.fillna(False).any():
        return dict.fromkeys((*names, "peak_vram_mb", "peak_rss_mb", "device"))
    rows = rows[(mine | borrowed).fillna(False).to_numpy(dtype=bool)]
    if "seed" in rows:  # a stage of several seeds counts once, by their mean
        rows = rows.assign(seconds=rows["seconds"] / rows.groupby(["arm", "stage"])["seconds"].transform("size"))
    kind = rows["stage"].astype(str).str.partition(":")[0]
    parts = [float(rows.loc[kind == name, "seconds"].sum()) for name in ("pretrain", "encode", "classify")]
    computing = rows[kind != "classify"] if (kind != "classify").any() else rows
    return dict(zip(names, (float(rows["seconds"].sum()), *parts), strict=True)) | {
        "peak_vram_mb": float(rows["peak_vram_mb"].max()),
        "peak_rss_mb": float(rows["peak_rss_mb"].max()),
        "device": " and ".join(sorted(set(computing["device"].astype(str)))),
    }


def _mark_fronts(table: pd.DataFrame, own: pd.DataFrame, higher_is_better: bool) -> None:
    """Fill in the ``front_`` columns of one cohort's rows of ``table``."""
    arms = own[~own["arm"].str.startswith("control_").astype(bool) & own["estimate"].notna()]
    for name, column in COSTS.items():
        if name == "vram" and not (arms["device"] == "cuda").all():
            continue
        front = pareto_front(arms[column].astype(float).tolist(), arms["estimate"].tolist(), higher_is_better)
        table.loc[arms.index, f"front_{name}"] = ["yes" if on else "no" for on in front]
