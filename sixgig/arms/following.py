"""Show a training to people while it runs: progress with the time left, notes, and the loss in MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sixgig.runtime.progress import Progress, tell
from sixgig.tracking.live import LiveRun

if TYPE_CHECKING:
    from sixgig.arms.pretrain_job import PretrainJob


class Follower:
    """Shows the events of a training, see :mod:`sixgig.contrastive.training`.

    Args:
        job: The job that trains.
        facts: What MLflow's run is tagged with, such as the framework.
        notes: What the user should know before it begins.
    """

    def __init__(self, job: PretrainJob, facts: Mapping[str, Any], notes: Sequence[str]) -> None:
        self._label = job.label
        self._progress: Progress | None = None
        self._loss = float("nan")
        self._live = LiveRun(job.tracking, f"pretrain/{job.cohort}/{job.arm}")
        self._facts = {"cohort": job.cohort, "arm": job.arm, **facts}
        for note in notes:
            tell(f"[{self._label}] {note}")

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._progress is not None:
            self._progress.__exit__()
        self._live.end(self._facts, failed=kind is not None)

    def report(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        if event["event"] == "step":
            step, self._loss = int(event["step"]), float(event["loss"])
            if self._progress is None:
                self._progress = Progress(self._label, int(event["steps"]), "steps", self._details, step - 1)
            self._progress.advance()
            self._live.log(step, {"loss": self._loss, "learning_rate": float(event["learning_rate"])})
        elif event["event"] in ("note", "phase"):
            tell(f"[{self._label}] {event['text']}")

    def _details(self) -> str:
        return f"loss {self._loss:.3f}"
