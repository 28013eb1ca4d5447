"""Collect what every stage took into one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.arms.seeds import arm_and_seed
from sixgig.runtime.atomic import read_json
from sixgig.tables.costs import COSTS

_OF_FEATURES = ("seconds", "images_per_second", "peak_vram_mb", "peak_rss_mb", "device")


def collect_costs(
    cohorts: Mapping[tuple[str, ...], Path],
    trainings: Mapping[tuple[str, ...], Path],
    sidecars: Mapping[tuple[str, ...], Path],
    predictions: Mapping[tuple[str, ...], Path],
    curves: Mapping[tuple[str, ...], Path] | None = None,
) -> pd.DataFrame:
    """Read what the jobs of a study say about themselves.

    Args:
        cohorts: cohort.json by cohort, ``(cohort,)``.
        trainings: Facts of training by cohort and arm, for the arms that are trained.
        sidecars: Sidecars of features by cohort and arm.
        predictions: Facts of classification by cohort, arm and classifier.
        curves: Facts of label-fraction curves, by the same; None without any.

    Returns:
        Rows of :data:`sixgig.tables.costs.COSTS`: one per cohort for its preparation, one per arm for its training
        (when it has one) and for encoding, one per method for classification, and one for its label-fraction curve; of
        every seed where arms have several.
    """
    rows: list[dict[str, Any]] = []
    for (cohort,), facts in cohorts.items():
        rows.append({"cohort": cohort, "arm": None, **read_json(facts)["cost"]})
        for key in (key for key in sidecars if key[0] == cohort):
            named = dict(zip(("cohort", "arm"), key, strict=True))
            if key in trainings:
                rows.append(named | read_json(trainings[key])["pretraining"]["cost"])
            sidecar = read_json(sidecars[key])
            row = {name: sidecar[name] for name in _OF_FEATURES} | {"batch_size": sidecar["batch_size_used"]}
            rows.append(named | {"stage": "encode"} | row)
        for key in (key for key in predictions if key[0] == cohort):
            rows.append({"cohort": cohort, "arm": key[1], **read_json(predictions[key])["cost"]})
        for key in (key for key in curves or {} if key[0] == cohort):
            rows.append({"cohort": cohort, "arm": key[1], **read_json((curves or {})[key])["cost"]})
    table = pd.DataFrame(rows, columns=COSTS.column_names)
    names = [arm_and_seed(name) if isinstance(name, str) else (None, None) for name in table["arm"]]
    if any(number for _, number in names):
        seeds = pd.array([number for _, number in names], dtype="Int64")
        table = table.assign(arm=table["arm"].map(lambda name: arm_and_seed(name)[0], na_action="ignore"), seed=seeds)
    return table
