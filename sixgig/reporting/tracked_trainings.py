"""Completes the trainings in MLflow: what could not be written while they ran, and what was deleted since."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.results.study import is_failed
from sixgig.runtime.atomic import read_json
from sixgig.tables.training import TRAINING
from sixgig.tracking.store import STUDY, open_run

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_BATCH = 900
_NAMES = ("loss", "learning_rate")


def track_training(
    client: MlflowClient, experiment: str, known: Mapping[str, Run], study: str, curve: Path
) -> tuple[str, str]:
    """Record what is missing of one training.

    Args:
        client: MLflow.
        experiment: Id of the study's experiment.
        known: The runs that are there, by key.
        study: Name of the study.
        curve: ``pretraining/<cohort>/<arm>.csv``, see :data:`sixgig.tables.training.TRAINING`; its facts lie beside it
            as ``.json``.

    Returns:
        Key of the run, and its id.
    """
    from mlflow.entities import Metric

    cohort, arm = curve.parent.name, curve.stem
    key = f"pretrain/{cohort}/{arm}"
    run = open_run(client, experiment, dict(known), key, key, {STUDY: study, "cohort": cohort, "arm": arm})
    run_id = str(run.info.run_id)
    now = int(time.time() * 1000)
    steps = TRAINING.read(curve)
    missing = []
    for name in _NAMES:
        there = {point.step for point in client.get_metric_history(run_id, name)} if name in run.data.metrics else set()
        rows = steps[~steps["step"].isin(there)]
        missing += [
            Metric(name, float(value), now, int(step))
            for step, value in zip(rows["step"], rows[name], strict=True)
            if math.isfinite(value)
        ]
    for first in range(0, len(missing), _BATCH):
        client.log_batch(run_id, metrics=missing[first : first + _BATCH])
    status = str(read_json(curve.with_suffix(".json"))["pretraining"]["status"])
    client.set_tag(run_id, "sixgig.status", status)
    client.set_terminated(run_id, "FAILED" if is_failed(status) else "FINISHED")
    return key, run_id
