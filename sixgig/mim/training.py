"""The training loop of masked image modelling: read ahead, checkpoint, resume, and measure before and after.

Crops and masks depend on (seed, step) alone and every checkpoint holds weights, their average, optimiser, scaler and
history, so a training that was killed ends like one that was not; on a CPU bit for bit.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sixgig.errors import ArmError
from sixgig.mim.batches import micro_batches
from sixgig.mim.crops import Source
from sixgig.mim.evaluation import Network, measure
from sixgig.mim.geometry import Geometry
from sixgig.mim.network import set_gradient_checkpointing
from sixgig.mim.optimisation import NotFiniteError, Optimisation, Update, explain, learning_rate
from sixgig.mim.settings import Settings
from sixgig.mim.tensor_files import read_tensors, write_tensors
from sixgig.training.checkpoints import CheckpointStore
from sixgig.training.errors import ContrastiveError

#: Receives events: ``step``, ``note``, ``checkpoint`` and ``phase``.
Report = Callable[[dict[str, Any]], None]

#: Settings that may differ between a killed training and the one that goes on: they do not change what is computed, or
#: (precision) change when the GPU turned out to be too small.
_MAY_CHANGE = ("micro_batch_size", "threads", "checkpoint_seconds", "gradient_checkpointing", "precision")
_CONFIGURATION = "configuration.json"
_STAGE = "mim"
#: A checkpoint of ViT-B is over a gigabyte. On a slow disk they become rarer, so that they take a twentieth at most.
_SAVE_SHARE = 0.05


def train(
    network: Network,
    source: Source,
    evaluation_source: Source,
    geometry: Geometry,
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
        geometry: Of the network and of the items.
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
    for items in (source, evaluation_source):
        if (items.crop, items.channels) != (tuple(geometry.crop), geometry.channels):
            raise ValueError(f"items {items.crop} x {items.channels} do not fit the network's {geometry}")
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        set_gradient_checkpointing(network, settings.gradient_checkpointing)
        optimisation = Optimisation(network.to(device), settings, device, scaler)
        run = _Run(optimisation, source, evaluation_source, geometry, settings, device, store, report)
        return run.run()
    except ContrastiveError as error:  # of the checkpoint store
        raise ArmError(error.place, error.reason, error.next_step) from error
    finally:
        network.zero_grad(set_to_none=True)
        torch.set_num_threads(threads)


class _Progress:
    """How far a training is; all of it is in every checkpoint, so a resumed run has each step in its history once."""

    def __init__(self) -> None:
        self.step = 0
        self.skipped = 0
        self.history: list[list[Any]] = []
        self.seconds: list[float] = []
        self.waited = 0.0
        self.before: dict[str, float] = {}


class _Run:
    """One call of :func:`train`."""

    def __init__(
        self,
        optimisation: Optimisation,
        source: Source,
        evaluation_source: Source,
        geometry: Geometry,
        settings: Settings,
        device: str,
        store: CheckpointStore,
        report: Report,
    ) -> None:
        self._optimisation, self._source, self._evaluation = optimisation, source, evaluation_source
        self._geometry, self._settings, self._device = geometry, settings, device
        self._store, self._report = store, report
        self._progress = _Progress()
        self._notes: list[str] = []
        self._saved_step, self._due = 0, math.inf

    def run(self) -> dict[str, Any]:
        progress, settings = self._progress, self._settings
        network: Network = self._optimisation.network  # type: ignore[assignment]
        resumed_at = self._resume()
        if resumed_at is None:
            self._phase("measuring before training")
            progress.before = measure(network.eval(), self._evaluation, settings)
            self._save()
        if progress.step < settings.steps:
            self._phase("training")
            network.train()
            self._steps()
        self._optimisation.use_average()
        self._phase("measuring after training")
        after = measure(network.eval(), self._evaluation, settings)
        if progress.skipped:
            self._note(
                f"float16 gradients overflowed in {progress.skipped} of {progress.step} steps, which were skipped"
            )
        seconds = statistics.median(progress.seconds)
        heldout = {"before": progress.before["network"], "after": after["network"], "subjects": "evaluation"}
        return {
            "loss": settings.objective,
            "steps": progress.step,
            "resumed_at": resumed_at,
            "notes": self._notes,
            "fallbacks": [],
            "seconds_per_step": seconds,
            "voxels_per_second": settings.batch_size * math.prod(self._geometry.crop) / seconds,
            "waiting_share": progress.waited / sum(progress.seconds),
            "skipped_steps": progress.skipped,
            "heldout_loss": heldout,
            "reconstruction": {"before": progress.before, "after": after, "items": settings.evaluation_items},
            "history": progress.history,
        }

    def _steps(self) -> None:
        progress, settings = self._progress, self._settings
        parts = micro_batches(self._source, self._geometry, settings, progress.step, pin=self._device == "cuda")
        began, waited = time.perf_counter(), 0.0
        try:
            for part, waiting in parts:
                waited += waiting
                x, visible, masked = (tensor.to(self._device, non_blocking=True) for tensor in part[:3])
                self._optimisation.accumulate(x, visible, masked, part.share)
                if not part.last:
                    continue
                rate = learning_rate(progress.step, settings)
                update = self._update(rate)
                progress.step += 1
                progress.skipped += update.skipped
                progress.seconds.append(time.perf_counter() - began)
                progress.waited += waited
                progress.history.append([progress.step, _STAGE, update.loss, rate])
                event = {"event": "step", "step": progress.step, "steps": settings.steps, "stage": _STAGE}
                self._report({**event, "loss": update.loss, "learning_rate": rate})
                if time.monotonic() >= self._due or progress.step == settings.steps:
                    self._save()
                began, waited = time.perf_counter(), 0.0
        finally:
            parts.close()

    def _update(self, rate: float) -> Update:
        try:
            return self._optimisation.update(rate)
        except NotFiniteError as error:
            self._check_items(self._progress.step)
            step = f"step {self._progress.step + 1} of {self._settings.steps}"
            kept = f"the checkpoint of step {self._saved_step} is kept"
            raise explain(error, f"{step}; {kept}", self._settings) from error

    def _check_items(self, step: int) -> None:
        """Blame the data where it is to blame."""
        n = self._settings.batch_size
        for begin in range(n):
            crops, rows = self._source.draw(step, n, begin, begin + 1)
            if not np.isfinite(crops).all():
                raise ArmError(
                    f"step {step + 1} of {self._settings.steps}",
                    f"row {rows[0]} of the cohort's array holds values that are not finite",
                    "prepare the cohort again; if it stays, leave that subject out",
                )

    def _configuration(self) -> dict[str, Any]:
        settings = {name: value for name, value in self._settings.as_dict().items() if name not in _MAY_CHANGE}
        shapes = {name: list(tensor.shape) for name, tensor in self._optimisation.network.state_dict().items()}
        configuration = {
            **settings,
            "geometry": list(self._geometry),
            "training items": self._source.identity(),
            "evaluation items": self._evaluation.identity(),
            "network": shapes,
        }
        plain: dict[str, Any] = json.loads(json.dumps(configuration))  # tuples become lists, as in a file
        return plain

    def _resume(self) -> int | None:
        found = self._store.latest(self._restore)
        for text in self._store.notes:
            self._note(text)
        if found is None:
            if self._store.notes:
                self._note("no intact checkpoint is left: training begins again")
            return None
        step, state = found
        for name in vars(self._progress):
            setattr(self._progress, name, state[name])
        self._saved_step, self._due = step, time.monotonic() + self._settings.checkpoint_seconds
        self._phase(f"resumed at step {step}")
        return step

    def _restore(self, folder: Path) -> None:
        content = json.loads((folder / _CONFIGURATION).read_text(encoding="utf-8"))
        theirs, own = content["configuration"], self._configuration()
        changed = [name for name in own if theirs.get(name) != own[name]]
        if changed:
            shown = [
                name + (f" ({theirs[name]} there)" if name in self._settings.as_dict() else "") for name in changed
            ]
            raise ArmError(
                self._store.folder,
                f"its checkpoints are of another configuration: {', '.join(shown)}",
                "use another folder, or remove this one to train from the start",
            )
        self._optimisation.load_state(content["optimisation"])
        for tensors in read_tensors(folder):
            self._optimisation.load_tensors(tensors)

    def _save(self) -> None:
        step, began = self._progress.step, time.monotonic()

        def write(folder: Path) -> None:
            content = {"configuration": self._configuration(), "optimisation": self._optimisation.state()}
            (folder / _CONFIGURATION).write_text(json.dumps(content), encoding="utf-8")
            write_tensors(folder, self._optimisation.tensors())

        self._store.save(step, vars(self._progress), write)
        ended, wanted = time.monotonic(), self._settings.checkpoint_seconds
        self._saved_step = step
        self._due = ended + (max(wanted, (ended - began) / _SAVE_SHARE) if wanted else 0.0)
        self._report({"event": "checkpoint", "step": step})

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._report({"event": "note", "text": text})

    def _phase(self, text: str) -> None:
        self._report({"event": "phase", "text": text})
