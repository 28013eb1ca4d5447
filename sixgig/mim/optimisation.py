"""One update of the weights: accumulation over micro-batches, mixed precision, clipping, AdamW, moving average."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sixgig.errors import ArmError
from sixgig.mim.settings import STANZA, Settings
from sixgig.mim.tensor_files import read_tensors, write_tensors

_BETAS = (0.9, 0.95)  # He et al. 2022, table 8
#: Modules whose matrices get weight decay. Norms, biases, positions, class, register and mask tokens do not.
_DECAYED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
#: Where float16 gives gradients that are not finite even at this scale, a smaller one does not help.
_SMALLEST_SCALE = 1.0
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
_STATE = "optimisation.json"


class Update(NamedTuple):
    """What one update did.

    Attributes:
        loss: Mean over the whole batch, before the update.
        gradient_norm: Before clipping.
        skipped: Whether float16 gradients overflowed, so that only the scale changed (Micikevicius et al. 2018).
    """

    loss: float
    gradient_norm: float
    skipped: bool


class NotFiniteError(ArithmeticError):
    """The loss or the gradient is infinite or not a number."""


def learning_rate(step: int, settings: Settings) -> float:
    """Return the learning rate of a step: linear warm-up, then a cosine down to the minimum at the last step.

    Args:
        step: From 0.
        settings: Of the training.
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, settings.steps - 1 - settings.warmup_steps)
    height = settings.learning_rate - settings.minimum_learning_rate
    return settings.minimum_learning_rate + height * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return AdamW's two groups of parameters: matrices of linear and convolution layers, and all others.

    Args:
        network: Any network.
        weight_decay: Of the first group.
    """
    matrices = {id(module.weight) for module in network.modules() if isinstance(module, _DECAYED)}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) in matrices], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) not in matrices], "weight_decay": 0.0},
    ]


def average_decay(decay: float, updates: int) -> float:
    """Return the moving average's decay at its ``updates``-th update, from 1: min(decay, (1 + k) / (10 + k)).

    The first weights, which are the worst, thus lose their influence soon even in a short training (the rule of
    TensorFlow's ``ExponentialMovingAverage``).
    """
    return min(decay, (1 + updates) / (10 + updates))


class Optimisation:
    """A network and all that changes with its training.

    Args:
        network: Already on its device, with float32 weights.
        settings: Of the training.
        device: ``cuda`` or ``cpu``. Only on ``cuda`` is precision mixed.
        scaler: Scales the loss against underflow of float16 gradients; chosen by device and precision when None.

    Attributes:
        network: As given.
        device: As given.
        updates: Updates that were not skipped.
    """

    def __init__(self, network: nn.Module, settings: Settings, device: str, scaler: Any = None) -> None:
        self.network = network
        self.updates = 0
        self.device, self._settings = device, settings
        self._mixed = device == "cuda" and settings.precision != "float32"
        half = self._mixed and settings.precision == "float16"
        self._scaler = torch.amp.GradScaler(device, enabled=half) if scaler is None else scaler
        self._parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self._optimiser = torch.optim.AdamW(
            decay_groups(network, settings.weight_decay), lr=settings.learning_rate, betas=_BETAS, fused=True
        )
        self._average: dict[str, Tensor] = {}
        if settings.ema:
            self._average = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._loss: Tensor | None = None

    def accumulate(self, x: Tensor, visible: Tensor, masked: Tensor, share: float) -> None:
        """Add the gradient of a micro-batch.

        All items have equally many masked voxels, so the mean over a batch is the mean of its micro-batches' means,
        weighted by their shares.

        Args:
            x: Voxels [k, c, *crop].
            visible: Visible tokens, int64 [k, v].
            masked: Masked tokens, int64 [k, m].
            share: Its part of the batch, k / n.
        """
        with torch.autocast(self.device, dtype=getattr(torch, self._settings.precision), enabled=self._mixed):
            loss: Tensor = self.network(x, visible, masked).loss * share
        self._scaler.scale(loss).backward()
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def update(self, rate: float) -> Update:
        """Change the weights by the gradient accumulated since the last update.

        Args:
            rate: Learning rate.

        Raises:
            NotFiniteError: The loss is not finite, or the gradient is not although scaling cannot be the cause. The
                weights stay as they were.
        """
        assert self._loss is not None
        self._scaler.unscale_(self._optimiser)
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        # The only time that the processor waits for the device in a step.
        loss, size = torch.stack([self._loss.float(), norm.float()]).tolist()
        if not math.isfinite(loss):
            raise NotFiniteError(f"the loss is {loss}")
        skipped = not math.isfinite(size)
        if skipped and not (self._scaler.is_enabled() and self._scaler.get_scale() > _SMALLEST_SCALE):
            raise NotFiniteError(f"the norm of the gradient is {size}")
        if self._settings.clip and not skipped:
            nn.utils.clip_grads_with_norm_(self._parameters.values(), self._settings.clip, norm)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._scaler.step(self._optimiser)  # does not change the weights when it saw infinite gradients
        self._scaler.update()
        self.forget()
        if not skipped:
            self.updates += 1
            self._follow()
        return Update(loss, size, skipped)

    def forget(self) -> None:
        """Free the gradients accumulated so far."""
        self._optimiser.zero_grad(set_to_none=True)
        self._loss = None

    def _follow(self) -> None:
        keep = average_decay(self._settings.ema, self.updates)
        with torch.no_grad():
            for name, average in self._average.items():
                average.lerp_(self._parameters[name], 1 - keep)

    def use_average(self) -> None:
        """Put the moving average into the network, when there is one."""
        with torch.no_grad():
            for name, average in self._average.items():
                self._parameters[name].copy_(average)

    def save(self, folder: Path) -> None:
        """Write all that a resumed training needs into a folder."""
        state = {"updates": self.updates, "scaler": self._scaler.state_dict()}
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")
        write_tensors(folder, self._tensors())

    def restore(self, folder: Path) -> None:
        """Read back what :meth:`save` wrote; before the first update."""
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        self.updates = int(state["updates"])
        # The device may be another one than before the kill: then there is no scale to go on with, or no need of one.
        if state["scaler"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])
        for tensors in read_tensors(folder):
            self._take_back(tensors)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in self.network.state_dict().items():
            yield f"network.{name}", tensor
        for name, tensor in self._average.items():
            yield f"average.{name}", tensor
        for name, parameter in self._parameters.items():
            for moment in _MOMENTS:
                if moment in self._optimiser.state.get(parameter, {}):
                    yield f"{moment}.{name}", self._optimiser.state[parameter][moment]

    def _take_back(self, tensors: Mapping[str, Tensor]) -> None:
        own = self.network.state_dict()
        with torch.no_grad():
            for full_name, tensor in tensors.items():
                kind, name = full_name.split(".", 1)
                if kind == "network":
                    own[name].copy_(tensor)
                elif kind == "average":
                    self._average[name].copy_(tensor)
                else:
                    parameter = self._parameters[name]
                    self._optimiser.state[parameter][kind] = tensor.to(parameter.device, copy=True)


def explain(error: NotFiniteError, place: str, settings: Settings) -> ArmError:
    """Return the error for the user.

    Args:
        error: What happened.
        place: Which step it was, and what is kept, in words.
        settings: Of the training.
    """
    way_out = f"lower {STANZA}.learning_rate ({settings.learning_rate:g})"
    if settings.precision == "float16":
        way_out += f", or set {STANZA}.precision to bfloat16 or float32"
    if not settings.clip:
        way_out += f", or set {STANZA}.clip to 1"
    return ArmError(f"{STANZA}.learning_rate", f"{error} at {place}", way_out)
