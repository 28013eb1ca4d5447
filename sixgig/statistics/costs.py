"""Collect what every stage took into one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.runtime.atomic import read_json
from sixgig.tables.costs import COSTS


def collect_costs(
    root: Path, cohorts: Sequence[str], arms: Sequence[str], methods: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Read the sidecars of a study.

    Args:
        root: ``results/<study>``.
        cohorts: Names of cohorts.
        arms: Arms with features.
        methods: Pairs of arm and classifier.

    Returns:
        Rows of :data:`sixgig.tables.costs.COSTS`: one per cohort for its preparation, one per arm for its training
        (when it has one) and for encoding, one per method for classification.
    """
    rows: list[dict[str, Any]] = []
    for cohort in cohorts:
        rows.append({"cohort": cohort, "arm": None, **read_json(root / "cohorts" / cohort / "cohort.json")["cost"]})
        for arm in arms:
            training = root / "pretraining" / cohort / f"{arm}.json"
            if training.exists():
                rows.append({"cohort": cohort, "arm": arm, **read_json(training)["pretraining"]["cost"]})
            sidecar = read_json(root / "features" / cohort / f"{arm}.json")
            same = ("seconds", "images_per_second", "peak_vram_mb", "peak_rss_mb", "device")
            row = {name: sidecar[name] for name in same} | {"batch_size": sidecar["batch_size_used"]}
            rows.append({"cohort": cohort, "arm": arm, "stage": "encode", **row})
        for arm, classifier in methods:
            cost = read_json(root / "predictions" / cohort / f"{arm}.{classifier}.json")["cost"]
            rows.append({"cohort": cohort, "arm": arm, **cost})
    return pd.DataFrame(rows, columns=COSTS.column_names)
