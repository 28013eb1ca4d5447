"""Records in MLflow what the GPU showed while jobs ran on it: one series per job and quantity, over seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sixgig.reporting.card import watched
from sixgig.results.study import Study
from sixgig.runtime.digests import settings_digest

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_BATCH = 900


def track_card(client: MlflowClient, run: Run, study: Study) -> None:
    """Record the series of every job on a card, as ``gpu.<cohort>.<arm>.<stage>.<quantity>``.

    Args:
        client: MLflow.
        run: The study's run. A series that it has is not written again; MLflow cannot take one away.
        study: The study, with its sidecars written.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    for job in watched(study):
        name = f"gpu.{job.cohort}.{job.arm}.{job.stage}"
        series = job.gpu.get("series") or {}
        tag, digest = f"sixgig.{name}", settings_digest(series)
        if not series or run.data.tags.get(tag) == digest:
            continue
        points = [
            Metric(f"{name}.{quantity}", float(value), now, round(second))
            for quantity, values in series.items()
            if quantity != "seconds"
            for second, value in zip(series["seconds"], values, strict=True)
            if value is not None
        ]
        for first in range(0, len(points), _BATCH):
            client.log_batch(run.info.run_id, metrics=points[first : first + _BATCH])
        client.set_tag(run.info.run_id, tag, digest)
