"""The training loop of the contrastive arm, the same for every backend: stages, checkpoints, early stop, evidence."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Generator

import numpy as np

from sixgig.contrastive.backend import GLOBAL, LOCAL, Backend, Target
from sixgig.contrastive.measurement import Measure, TrainingData, prepared_batch, sampler_of
from sixgig.contrastive.sampling import choose_loss
from sixgig.contrastive.settings import Settings
from sixgig.errors import NotFiniteError, TrainingError
from sixgig.training.checkpoints import CheckpointStore

#: Receives events: ``step``, ``note``, ``checkpoint`` and ``phase``.
Report = Callable[[dict], None]

#: Settings that may differ between a killed training and the one that goes on: they do not change what is computed, or
#: (precision) change when the GPU turned out to be too small.
_MAY_CHANGE = ("micro_batch_size", "threads", "checkpoint_seconds", "precision")


class Plateau:
    """Tells when the loss has stopped falling.

    The moving average over max(5, patience // 4) steps has to fall by one thousandth of its best value within
    ``patience`` steps.

    Args:
        patience: In steps; 0 never stops.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._window = max(5, patience // 4)
        self._recent: list[float] = []
        self._best = float("inf")
        self._waited = 0

    def reached(self, loss: float) -> bool:
        """Note the loss of one further step; whether training should stop after it."""
        self._recent = [*self._recent, loss][-self._window :]
        if len(self._recent) < self._window:
            return False
        average = float(np.mean(self._recent))
        if self._best == float("inf") or average < self._best - 1e-3 * abs(self._best):
            self._best, self._waited = average, 0
        else:
            self._waited += 1
        return 0 < self._patience <= self._waited


class _Progress:
    """How far a training is; all of it is in every checkpoint, so a resumed run has each step in its history once."""

    def __init__(self) -> None:
        self.step = 0
        self.ended: list[str] = []  # stages, with the last step of each in ``ends``
        self.ends: list[int] = []
        self.stopped_early = False
        self.history: list[list[Any]] = []  # [step, stage, loss, learning rate]
        self.seconds: list[float] = []
        self.before: dict[str, Any] = {}

    def state(self, settings: Settings) -> dict[str, Any]:
        return {"settings": settings.as_dict(), **vars(self)}

    def restore(self, state: dict[str, Any]) -> None:
        for name in vars(self):
            setattr(self, name, state[name])

    @property
    def stage_begin(self) -> int:
        return self.ends[-1] if self.ends else 0


def train(
    backend: Backend, data: TrainingData, settings: Settings, store: CheckpointStore, report: Report
) -> dict[str, Any]:
    """Train a backend, from its first weights or from the newest intact checkpoint, and measure what it learned.

    Batches and augmentation depend on (seed, step) alone, and every checkpoint holds weights, optimiser and history: a
    training that was killed ends like one that was not.

    Args:
        backend: With the weights to begin with. It has the trained ones afterwards.
        data: Images and subjects.
        settings: Of the training, the same that the backend has.
        store: Where checkpoints are. No other process may use it meanwhile.
        report: Called with every event.

    Returns:
        Facts: loss (the one used), notes, fallbacks, steps (done), stopped_early, resumed_at (step or None),
        heldout_loss (before, after, subjects), local_heldout_loss (the same for the local loss, or None without local
        stage), evidence (measure, before, after, chance, n_images), seconds_per_step (median), and history, a list of
        [step, stage, loss, learning rate] with steps counted from 1.

    Raises:
        TrainingError: There are too few subjects, the checkpoints are of another training, or cannot be written.
        NotFiniteError: The loss or the gradient is not finite; the step is named. The last checkpoint stays.
    """
    loss, note = choose_loss(data.pretraining, settings.loss, settings.partitions)
    run = _Run(backend, data, settings._replace(loss=loss), store, report)
    if note:
        run.note(note)
    return run.run()


class _Run:
    """One call of :func:`train`."""

    def __init__(
        self, backend: Backend, data: TrainingData, settings: Settings, store: CheckpointStore, report: Report
    ) -> None:
        self._backend, self._data, self._settings = backend, data, settings
        self._store, self._report = store, report
        self._sampler = sampler_of(data.pretraining, settings, settings.seed)
        self._progress = _Progress()
        self._notes: list[str] = []
        self._saved = time.monotonic()
        self._saved_step: int | None = None

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._report({"event": "note", "text": text})

    def run(self) -> dict[str, Any]:
        progress, settings = self._progress, self._settings
        resumed_at = self._resume()
        measure = Measure(self._backend, self._data, settings, self.note)
        if resumed_at is None:
            self._phase("measuring before training")
            progress.before = measure()
            self._save()
        for stage, steps in ((GLOBAL, settings.steps), (LOCAL, settings.local_steps)):
            if steps and stage not in progress.ended:
                self._train_stage(stage, steps)
        self._phase("measuring after training")
        before, after = progress.before, measure()
        local = None
        if settings.local_steps:
            local = {"before": before["local_loss"], "after": after["local_loss"], "subjects": measure.subjects}
        evidence = {name: before[name] for name in ("measure", "chance", "n_images")}
        return {
            "loss": settings.loss,
            "notes": self._notes,
            "fallbacks": list(self._backend.fallbacks),
            "steps": progress.step,
            "stopped_early": progress.stopped_early,
            "resumed_at": resumed_at,
            "heldout_loss": {"before": before["loss"], "after": after["loss"], "subjects": measure.subjects},
            "local_heldout_loss": local,
            "evidence": {**evidence, "before": before["accuracy"], "after": after["accuracy"]},
            "seconds_per_step": float(np.median(progress.seconds)),
            "history": progress.history,
        }

    def _resume(self) -> int | None:
        found = self._store.latest(self._backend.restore)
        for text in self._store.notes:
            self.note(text)
        if found is None:
            if self._store.notes:
                self.note("no intact checkpoint is left: training begins again")
            return None
        step, state = found
        own, theirs = self._settings.as_dict(), state["settings"]
        changed = [name for name in own if name not in _MAY_CHANGE and theirs.get(name) != own[name]]
        if changed:
            reason = "its checkpoints are of other settings ({})".format(", ".join(changed))
            raise TrainingError(self._store.folder, reason, "use another folder, or remove this one")
        self._progress.restore(state)
        self._saved_step = step
        self._phase(f"resumed at step {step}")
        return step

    def _train_stage(self, stage: str, steps: int) -> None:
        progress, begin = self._progress, self._progress.stage_begin
        if progress.step == begin:
            self._backend.start_stage(stage)
        plateau = Plateau(self._settings.patience)
        for row in progress.history[begin:]:
            plateau.reached(row[2])
        self._phase(f"{stage} stage")
        ahead = _read_ahead(lambda step: self._batch(step, stage), progress.step, begin + steps)
        try:
            for images, target in ahead:
                stop = plateau.reached(self._step(images, target, stage))
                if stop:
                    progress.stopped_early = True
                    self.note(f"the loss has stopped falling: {stage} stage ended after {progress.step} steps")
                    break
                if (
                    time.monotonic() - self._saved >= self._settings.checkpoint_seconds
                    and progress.step < begin + steps
                ):
                    self._save()
        finally:
            ahead.close()
        progress.ended.append(stage)
        progress.ends.append(progress.step)
        self._save()

    def _batch(self, step: int, stage: str) -> tuple[np.ndarray, Target]:
        return prepared_batch(self._sampler, self._data, self._settings, step, stage)

    def _step(self, images: np.ndarray, target: Target, stage: str) -> float:
        progress, settings = self._progress, self._settings
        done_in_stage = progress.step - progress.stage_begin
        rate = settings.learning_rate * min(1.0, (done_in_stage + 1) / max(1, settings.warmup_steps))
        steps = settings.steps + settings.local_steps
        began = time.perf_counter()
        try:
            loss = self._backend.step(images, target, rate)
        except NotFiniteError as error:
            place = f"step {progress.step + 1} of {steps} ({stage} stage)"
            next_step = f"{error.next_step}; the checkpoint of step {self._saved_step} is kept"
            raise NotFiniteError(place, error.reason, next_step) from error
        progress.seconds.append(time.perf_counter() - began)
        progress.step += 1
        progress.history.append([progress.step, stage, loss, rate])
        event = {"event": "step", "step": progress.step, "steps": steps, "stage": stage}
        self._report({**event, "loss": loss, "learning_rate": rate, "images": len(images)})
        return loss

    def _save(self) -> None:
        step = self._progress.step
        self._store.save(step, self._progress.state(self._settings), self._backend.save)
        self._saved, self._saved_step = time.monotonic(), step
        self._report({"event": "checkpoint", "step": step})

    def _phase(self, text: str) -> None:
        self._report({"event": "phase", "text": text})


def _read_ahead(prepare: Callable[[int], Any], first: int, last: int) -> Generator[Any, None, None]:
    """Yield what ``prepare`` returns for the steps ``first`` to ``last`` - 1; the next is prepared in a thread."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead: Future[Any] | None = reader.submit(prepare, first) if first < last else None
        for step in range(first, last):
            assert ahead is not None
            current = ahead.result()
            ahead = reader.submit(prepare, step + 1) if step + 1 < last else None
            yield current
