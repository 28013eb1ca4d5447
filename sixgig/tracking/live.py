"""Follow a training in MLflow while it runs: loss and learning rate of every step, written every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.tracking.store import STUDY, known_runs, open_experiment, open_run, open_store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0


class LiveRun:
    """One run of the study's experiment, found again by its key when the training was killed and goes on.

    A problem with MLflow is logged once and ends the tracking, never the training.

    Args:
        store: MLflow's SQLite file; None tracks nothing.
        study: Name of the study, which is the name of the experiment.
        key: What identifies the run, such as ``pretrain/acdc/vit_contrastive``.
        seconds: Time between two writes.
    """

    def __init__(self, store: Path | None, study: str, key: str, seconds: float = _SECONDS) -> None:
        self._waiting: list[tuple[str, float, int, int]] = []
        self._seconds, self._written = seconds, time.monotonic()
        self._client: MlflowClient | None = None
        self._run_id = ""
        if store is None:
            return
        try:
            client = open_store(store)
            location = (store.parent / "mlartifacts").resolve().as_uri()
            experiment = open_experiment(client, study, location)
            run = open_run(client, experiment, known_runs(client, experiment), key, key, {STUDY: study})
            self._run_id = str(run.info.run_id)
            client.update_run(self._run_id, status="RUNNING")
            self._client = client
        except Exception:  # MLflow, SQLAlchemy and SQLite raise without a common base
            _LOG.warning("the training is not followed in MLflow", exc_info=True)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Note values of one step; they reach the store within some seconds."""
        if self._client is None:
            return
        now = int(time.time() * 1000)
        self._waiting += [(name, float(value), now, step) for name, value in values.items()]
        if time.monotonic() - self._written >= self._seconds or len(self._waiting) > 900:
            self._write()

    def end(self, params: Mapping[str, Any], failed: bool) -> None:
        """Write what is left, the parameters, and how the training ended."""
        self._write()
        if self._client is None:
            return
        try:
            for name, value in params.items():
                self._client.set_tag(self._run_id, name, str(value))
            self._client.set_terminated(self._run_id, "FAILED" if failed else "FINISHED")
        except Exception:
            _LOG.warning("the end of the training was not written to MLflow", exc_info=True)

    def _write(self) -> None:
        if self._client is None or not self._waiting:
            return
        from mlflow.entities import Metric

        try:
            self._client.log_batch(self._run_id, metrics=[Metric(*entry) for entry in self._waiting])
        except Exception:
            _LOG.warning("the training is no longer followed in MLflow", exc_info=True)
            self._client = None
        self._waiting, self._written = [], time.monotonic()
