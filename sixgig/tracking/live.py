"""Follow a training in MLflow while it runs: loss and learning rate of every step, written every few seconds.

A thread writes, so that a server that is slow, gone or hangs never holds up a training. What could not be written
waits and is written when the server is back; what still waits when the training ends is written with the study's
results, from the file of the training's losses.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.redaction import redacted
from sixgig.tracking.store import STUDY, known_runs, open_experiment, open_run, open_store
from sixgig.tracking.target import Target

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0
#: The longest time between two attempts to reach a server that does not answer.
_MOST_SECONDS = 60.0
#: How long the end of a training waits for what is still to be written.
_END_SECONDS = 60.0
#: Values in one call of MLflow's, which takes up to 1,000.
_BATCH = 900


class LiveRun:
    """One run of the study's experiment, found again by its key when the training was killed and goes on.

    A problem with MLflow is logged once and never stops the training.

    Args:
        target: Where the study is tracked; None tracks nothing.
        key: What identifies the run, such as ``pretrain/acdc/vit_contrastive``.
        seconds: Time between two writes.
    """

    def __init__(self, target: Target | None, key: str, seconds: float = _SECONDS) -> None:
        self._target, self._key, self._seconds = target, key, seconds
        self._waiting: list[tuple[str, float, int, int]] = []
        self._lock, self._wake, self._last = threading.Lock(), threading.Event(), threading.Event()
        self._client: MlflowClient | None = None
        self._run_id = ""
        self._first_step: int | None = None
        self._known_step = -1
        self._told = False
        self._tags: dict[str, str] = {}
        self._status = "RUNNING"
        self._thread: threading.Thread | None = None
        if target is not None:
            self._thread = threading.Thread(target=self._write_often, name="MLflow", daemon=True)
            self._thread.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Note values of one step; they reach the store within some seconds."""
        if self._thread is None:
            return
        now = int(time.time() * 1000)
        with self._lock:
            if self._first_step is None:
                self._first_step = step
            if step <= self._known_step:  # done again after a kill, to the same values
                return
            self._waiting += [(name, float(value), now, step) for name, value in values.items()]

    def end(self, params: Mapping[str, Any], failed: bool) -> None:
        """Write what is left, the parameters, and how the training ended; return after a minute at most."""
        if self._thread is None:
            return
        self._tags, self._status = (
            {name: str(value) for name, value in params.items()},
            "FAILED" if failed else "FINISHED",
        )
        self._last.set()
        self._wake.set()
        self._thread.join(_END_SECONDS)

    def _write_often(self) -> None:
        wait = self._seconds
        while True:
            last = self._last.is_set()
            written = self._write(last)
            if last:
                return
            wait = self._seconds if written else min(max(2 * wait, 1.0), _MOST_SECONDS)
            self._wake.wait(wait)

    def _write(self, last: bool) -> bool:
        if self._first_step is None and not last:
            return True
        try:
            if self._client is None or not self._there():
                self._open()
            client = self._client
            assert client is not None
            while self._waiting:
                self._write_batch(client)
            if last:
                for name, value in self._tags.items():
                    client.set_tag(self._run_id, name, value)
                client.set_terminated(self._run_id, self._status)
        except Exception as error:  # MLflow, SQLAlchemy, SQLite and requests raise without a common base
            self._client = None
            reason = redacted(f"{type(error).__name__}: {error}")
            if not self._told or last:
                _LOG.warning("the training is not followed in MLflow now; what is missing is written later: %s", reason)
            self._told = True
            return False
        if self._told:
            _LOG.info("the training is followed in MLflow again")
            self._told = False
        return True

    def _write_batch(self, client: MlflowClient) -> None:
        from mlflow.entities import Metric

        batch = self._waiting[:_BATCH]
        client.log_batch(self._run_id, metrics=[Metric(*entry) for entry in batch])
        with self._lock:
            del self._waiting[: len(batch)]

    def _there(self) -> bool:
        """Whether the store is still there: somebody may have deleted the file."""
        return self._target is None or bool(self._target.server) or self._target.store.exists()

    def _open(self) -> None:
        assert self._target is not None
        client = open_store(self._target, seconds=10, retries=1)
        experiment = open_experiment(client, self._target)
        known = known_runs(client, experiment)
        if self._first_step == 1 and not self._run_id and self._key in known and known[self._key].data.metrics:
            client.delete_run(known.pop(self._key).info.run_id)  # of an earlier training, which this one replaces
        run = open_run(client, experiment, known, self._key, self._key, {STUDY: self._target.study.name})
        if not self._run_id:
            points = [point for name in run.data.metrics for point in client.get_metric_history(run.info.run_id, name)]
            with self._lock:
                self._known_step = max((point.step for point in points), default=-1)
                self._waiting = [entry for entry in self._waiting if entry[3] > self._known_step]
        self._run_id = str(run.info.run_id)
        client.update_run(self._run_id, status="RUNNING")
        self._client = client
