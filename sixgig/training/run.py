"""What every training does, whatever it trains: go on after a kill, measure, keep a history, save, tell."""

from __future__ import annotations

import json
import statistics
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Callable, Generic, Mapping, TypeVar

from sixgig.errors import TrainingError
from sixgig.runtime.stopping import asked, leave_if_asked, saving
from sixgig.training.checkpoints import CheckpointStore

#: Receives events: ``step``, ``note``, ``checkpoint`` and ``phase``.
Report = Callable[[dict], object]

#: Settings that may differ between a killed training and the one that goes on: they do not change what is computed, or
#: (precision) change when the GPU turned out to be too small.
_MAY_CHANGE = ("micro_batch_size", "threads", "checkpoint_seconds", "gradient_checkpointing", "precision")
#: A checkpoint of ViT-B is over a gigabyte. On a slow disk they become rarer, so that they take a twentieth at most.
_SAVE_SHARE = 0.05


class Progress:
    """How far a training is; all of it is in every checkpoint, so a resumed run has each step in its history once.

    Attributes:
        step: Steps done.
        history: [step, stage, loss, learning rate] of every step, counted from 1.
        seconds: What every step took.
        before: What was measured before training.
    """

    def __init__(self) -> None:
        self.step = 0
        self.history: list[list[Any]] = []
        self.seconds: list[float] = []
        self.before: dict[str, Any] = {}


_Progress = TypeVar("_Progress", bound=Progress)


class Run(ABC, Generic[_Progress]):
    """One training, from its first weights or from the newest intact checkpoint.

    Args:
        learner: What is trained: ``save(folder)`` writes all of it that changes, ``restore(folder)`` reads it back.
        progress: At the beginning.
        settings: Of the training, with ``as_dict()`` and ``checkpoint_seconds`` (0 saves after every step).
        steps: How many there will be in all.
        store: Where checkpoints are. No other process may use it meanwhile.
        report: Called with every event.
    """

    def __init__(
        self, learner: Any, progress: _Progress, settings: Any, steps: int, store: CheckpointStore, report: Report
    ) -> None:
        self.progress = progress
        self.notes: list[str] = []
        self._learner, self._settings, self._steps = learner, settings, steps
        self._store, self._report = store, report
        self._saved_step, self._due_at = 0, 0.0

    @abstractmethod
    def train(self) -> None:
        """Train from the present step to the last."""

    @abstractmethod
    def measure(self) -> dict[str, Any]:
        """Return what there is to measure before and after training."""

    @abstractmethod
    def facts(self, after: Mapping[str, Any]) -> dict[str, Any]:
        """Return what there is to tell of this kind of training, given what was measured at its end."""

    def configuration(self) -> dict[str, Any]:
        """Return what decides the result, as JSON holds it: checkpoints of another configuration are refused."""
        return {name: value for name, value in self._settings.as_dict().items() if name not in _MAY_CHANGE}

    def run(self) -> dict[str, Any]:
        """Train, and measure before and after.

        Returns:
            steps (done), resumed_at (step or None), notes, seconds_per_step (median), history, and :meth:`facts`.

        Raises:
            TrainingError: The checkpoints are of another configuration, or cannot be written.
        """
        resumed_at = self._resume()
        if resumed_at is None:
            self.phase("measuring before training")
            self.progress.before = self.measure()
            self.checkpoint()
        with saving():
            self.train()
        self.phase("measuring after training")
        after = self.measure()
        return {
            **self.facts(after),
            "steps": self.progress.step,
            "resumed_at": resumed_at,
            "notes": self.notes,
            "seconds_per_step": statistics.median(self.progress.seconds),
            "history": self.progress.history,
        }

    def note(self, text: str) -> None:
        """Tell something that also stands in the facts."""
        self.notes.append(text)
        self._report({"event": "note", "text": text})

    def phase(self, text: str) -> None:
        """Tell what begins."""
        self._report({"event": "phase", "text": text})

    def step_done(self, stage: str, loss: float, rate: float, seconds: float, **further: Any) -> None:
        """Note a step, and tell it."""
        progress = self.progress
        progress.step += 1
        progress.seconds.append(seconds)
        progress.history.append([progress.step, stage, loss, rate])
        event = {"event": "step", "step": progress.step, "steps": self._steps, "stage": stage}
        self._report({**event, "loss": loss, "learning_rate": rate, **further})

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint, or the process is told to end."""
        return asked() or time.monotonic() >= self._due_at

    @property
    def kept(self) -> str:
        """What a training that ends here leaves, in words."""
        return f"the checkpoint of step {self._saved_step} is kept"

    def checkpoint(self) -> None:
        """Save what training has changed so far; leave then, when the process is told to end."""
        began = time.monotonic()
        state = {"configuration": self.configuration(), "progress": vars(self.progress)}
        self._store.save(self.progress.step, state, self._learner.save)
        self._saved(time.monotonic() - began)
        self._report({"event": "checkpoint", "step": self.progress.step})
        leave_if_asked()

    def _saved(self, seconds: float) -> None:
        wanted: float = self._settings.checkpoint_seconds
        self._saved_step = self.progress.step
        self._due_at = time.monotonic() + (max(wanted, seconds / _SAVE_SHARE) if wanted else 0.0)

    def _resume(self) -> int | None:
        found = self._store.latest(self._restore)
        for text in self._store.notes:
            self.note(text)
        if found is None:
            if self._store.notes:
                self.note("no intact checkpoint is left: training begins again")
            return None
        vars(self.progress).update(found[1]["progress"])
        self._saved(0.0)
        self.phase(f"resumed at step {self.progress.step}")
        return self.progress.step

    def _restore(self, folder: Path, state: Mapping[str, Any]) -> None:
        own, theirs = json.loads(json.dumps(self.configuration())), state["configuration"]  # tuples become lists
        changed = [name for name in own if theirs.get(name) != own[name]]
        if changed:
            plain = [name for name in changed if isinstance(theirs.get(name), (str, float, int))]
            shown = [name + (f" ({theirs[name]} there)" if name in plain else "") for name in changed]
            raise TrainingError(
                self._store.folder,
                "its checkpoints are of another configuration: {}".format(", ".join(shown)),
                "use another folder, or remove this one to train from the start",
            )
        self._learner.restore(folder)
