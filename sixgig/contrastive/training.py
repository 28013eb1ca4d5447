"""The training loop of the contrastive arm, the same for every backend: stages, checkpoints, early stop, evidence."""

from __future__ import annotations

import time
from typing import Any, Mapping

import numpy as np

from sixgig.contrastive.backend import GLOBAL, LOCAL, Backend, Target
from sixgig.contrastive.measurement import Measure, TrainingData, prepared_batch, sampler_of
from sixgig.contrastive.sampling import choose_loss
from sixgig.contrastive.settings import Settings
from sixgig.errors import NotFiniteError
from sixgig.training.checkpoints import CheckpointStore
from sixgig.training.reading import read_ahead
from sixgig.training.run import Progress, Report, Run


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


class _Progress(Progress):
    """Also which stages have ended, with the last step of each in ``ends``."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []
        self.ends: list[int] = []
        self.stopped_early = False

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
    return _Run(backend, data, settings, store, report).run()


class _Run(Run[_Progress]):
    """One call of :func:`train`."""

    def __init__(
        self, backend: Backend, data: TrainingData, settings: Settings, store: CheckpointStore, report: Report
    ) -> None:
        loss, note = choose_loss(data.pretraining, settings.loss, settings.partitions)
        settings = settings._replace(loss=loss)
        super().__init__(backend, _Progress(), settings, settings.steps + settings.local_steps, store, report)
        self._backend, self._data, self._settings = backend, data, settings
        self._sampler = sampler_of(data.pretraining, settings, settings.seed)
        if note:
            self.note(note)
        self._measured = Measure(backend, data, settings, self.note)

    def measure(self) -> dict[str, Any]:
        return self._measured()

    def facts(self, after: Mapping[str, Any]) -> dict[str, Any]:
        before, subjects = self.progress.before, self._measured.subjects
        heldout, local = (
            {"before": before[name], "after": after[name], "subjects": subjects} for name in ("loss", "local_loss")
        )
        evidence = {name: before[name] for name in ("measure", "chance", "n_images")}
        return {
            "loss": self._settings.loss,
            "fallbacks": list(self._backend.fallbacks),
            "stopped_early": self.progress.stopped_early,
            "heldout_loss": heldout,
            "local_heldout_loss": local if self._settings.local_steps else None,
            "evidence": {**evidence, "before": before["accuracy"], "after": after["accuracy"]},
        }

    def train(self) -> None:
        for stage, steps in ((GLOBAL, self._settings.steps), (LOCAL, self._settings.local_steps)):
            if steps and stage not in self.progress.ended:
                self._train_stage(stage, steps)

    def _train_stage(self, stage: str, steps: int) -> None:
        progress, end = self.progress, self.progress.stage_begin + steps
        if progress.step == progress.stage_begin:
            self._backend.start_stage(stage)
        plateau = Plateau(self._settings.patience)
        for row in progress.history[progress.stage_begin :]:
            plateau.reached(row[2])
        self.phase(f"{stage} stage")
        ahead = read_ahead(
            lambda step: prepared_batch(self._sampler, self._data, self._settings, step, stage),
            range(progress.step, end),
        )
        try:
            for (images, target), _ in ahead:
                if plateau.reached(self._step(images, target, stage)):
                    progress.stopped_early = True
                    self.note(f"the loss has stopped falling: {stage} stage ended after {progress.step} steps")
                    break
                if progress.step < end and self.due:
                    self.checkpoint()
        finally:
            ahead.close()
        progress.ended.append(stage)
        progress.ends.append(progress.step)
        self.checkpoint()

    def _step(self, images: np.ndarray, target: Target, stage: str) -> float:
        progress, settings = self.progress, self._settings
        done_in_stage = progress.step - progress.stage_begin
        rate = settings.learning_rate * min(1.0, (done_in_stage + 1) / max(1, settings.warmup_steps))
        began = time.perf_counter()
        try:
            loss = self._backend.step(images, target, rate)
        except NotFiniteError as error:
            place = f"step {progress.step + 1} of {self._steps} ({stage} stage)"
            raise NotFiniteError(place, error.reason, f"{error.next_step}; {self.kept}") from error
        self.step_done(stage, loss, rate, time.perf_counter() - began, images=len(images))
        return loss
