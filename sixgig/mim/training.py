"""The training loop of masked image modelling: read ahead, checkpoint, resume, and measure before and after.

Crops and masks depend on (seed, step) alone and every checkpoint holds weights, their average, optimiser, scaler and
history, so a training that was killed ends like one that was not; on a CPU bit for bit.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sixgig.errors import ArmError
from sixgig.mim.batches import micro_batches
from sixgig.mim.crops import Source
from sixgig.mim.evaluation import Network, measure
from sixgig.mim.network import set_gradient_checkpointing
from sixgig.mim.optimisation import NotFiniteError, Optimisation, Update, explain, learning_rate
from sixgig.mim.settings import Settings
from sixgig.training.checkpoints import CheckpointStore
from sixgig.training.run import Progress, Report, Run

_STAGE = "mim"


def train(
    network: Network,
    source: Source,
    evaluation_source: Source,
    settings: Settings,
    device: str,
    store: CheckpointStore,
    report: Report,
    scaler: Any = None,
) -> dict[str, Any]:
    """Train a network from its first weights or from the newest intact checkpoint, and measure what it learned.

    Args:
        network: With the weights to begin with. It has the trained ones afterwards (their moving average when
            ``settings.ema`` is not 0), and stays on ``device``.
        source: Items of pretraining subjects.
        evaluation_source: Items of evaluation subjects: only measured on, before and after.
        settings: Of the training.
        device: ``cuda`` or ``cpu``.
        store: Where checkpoints are, for one training: the caller gives another folder to another cohort or to other
            first weights, which are not compared. No other process may use it meanwhile.
        report: Called with every event.
        scaler: Stands in for the gradient scaler of float16, in tests.

    Returns:
        Facts: loss (the objective), steps, resumed_at (step or None), notes, fallbacks, seconds_per_step (median),
        voxels_per_second (spatial voxels of the crops), waiting_share (of the time, for data), skipped_steps (float16
        overflows), heldout_loss (before, after, subjects), reconstruction (before, after: see
        :func:`sixgig.mim.evaluation.reconstruction_errors`; items), and history, a list of [step, stage, loss,
        learning rate] with steps counted from 1.

    Raises:
        ArmError: The loss or the gradient is not finite (the step is named, the last checkpoint stays), the
            checkpoints are of another configuration or cannot be written.
        torch.cuda.OutOfMemoryError: Left to the caller, who may call again with a smaller micro-batch: training goes
            on from the newest checkpoint.
    """
    geometry = network.encoder.geometry
    for items in (source, evaluation_source):
        if (items.crop, items.channels) != (tuple(geometry.crop), geometry.channels):
            raise ValueError(f"items {items.crop} x {items.channels} do not fit the network's {geometry}")
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        set_gradient_checkpointing(network, settings.gradient_checkpointing)
        optimisation = Optimisation(network.to(device), settings, device, scaler)
        return _Run(optimisation, source, evaluation_source, settings, store, report).run()
    finally:
        network.zero_grad(set_to_none=True)
        torch.set_num_threads(threads)


class _Progress(Progress):
    """Also steps skipped after an overflow, and seconds waited for data."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0
        self.waited = 0.0


class _Run(Run[_Progress]):
    """One call of :func:`train`."""

    def __init__(
        self,
        optimisation: Optimisation,
        source: Source,
        evaluation_source: Source,
        settings: Settings,
        store: CheckpointStore,
        report: Report,
    ) -> None:
        super().__init__(optimisation, _Progress(), settings, settings.steps, store, report)
        self._optimisation, self._source, self._evaluation = optimisation, source, evaluation_source
        self._network: Network = optimisation.network  # type: ignore[assignment]
        self._geometry, self._settings = self._network.encoder.geometry, settings

    def measure(self) -> dict[str, Any]:
        return measure(self._network.eval(), self._evaluation, self._settings)

    def configuration(self) -> dict[str, Any]:
        return {
            **super().configuration(),
            "geometry": list(self._geometry),
            "training items": self._source.identity(),
            "evaluation items": self._evaluation.identity(),
            "network": {name: list(tensor.shape) for name, tensor in self._network.state_dict().items()},
        }

    def facts(self, after: Mapping[str, Any]) -> dict[str, Any]:
        progress, settings = self.progress, self._settings
        if progress.skipped:
            self.note(
                f"float16 gradients overflowed in {progress.skipped} of {progress.step} steps, which were skipped"
            )
        voxels = settings.batch_size * math.prod(self._geometry.crop)
        heldout = {"before": progress.before["network"], "after": after["network"], "subjects": "evaluation"}
        return {
            "loss": settings.objective,
            "fallbacks": [],
            "voxels_per_second": voxels / statistics.median(progress.seconds),
            "waiting_share": progress.waited / sum(progress.seconds),
            "skipped_steps": progress.skipped,
            "heldout_loss": heldout,
            "reconstruction": {"before": progress.before, "after": after, "items": settings.evaluation_items},
        }

    def train(self) -> None:
        if self.progress.step < self._settings.steps:
            self.phase("training")
            self._network.train()
            self._train()
        self._optimisation.use_average()

    def _train(self) -> None:
        progress, settings, device = self.progress, self._settings, self._optimisation.device
        parts = micro_batches(self._source, self._geometry, settings, progress.step, pin=device == "cuda")
        began, waited = time.perf_counter(), 0.0
        try:
            for part, waiting in parts:
                waited += waiting
                x, visible, masked = (tensor.to(device, non_blocking=True) for tensor in part[:3])
                self._optimisation.accumulate(x, visible, masked, part.share)
                if not part.last:
                    continue
                rate = learning_rate(progress.step, settings)
                update = self._update(rate)
                progress.skipped += update.skipped
                progress.waited += waited
                self.step_done(_STAGE, update.loss, rate, time.perf_counter() - began)
                if self.due or progress.step == settings.steps:
                    self.checkpoint()
                began, waited = time.perf_counter(), 0.0
        finally:
            parts.close()

    def _update(self, rate: float) -> Update:
        try:
            return self._optimisation.update(rate)
        except NotFiniteError as error:
            step = f"step {self.progress.step + 1} of {self._settings.steps}"
            self._check_items(step)
            raise explain(error, f"{step}; {self.kept}", self._settings) from error

    def _check_items(self, place: str) -> None:
        """Blame the data where it is to blame."""
        n = self._settings.batch_size
        for begin in range(n):
            crops, rows = self._source.draw(self.progress.step, n, begin, begin + 1)
            if not np.isfinite(crops).all():
                raise ArmError(
                    place,
                    f"row {rows[0]} of the cohort's array holds values that are not finite",
                    "prepare the cohort again; if it stays, leave that subject out",
                )
