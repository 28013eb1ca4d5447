"""Trains attention over the images of bags (Ilse, Tomczak and Welling, ICML 2018, equations 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sixgig.classifiers.bags import Stack

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Setting:
    """How to train.

    Attributes:
        width: Width of the attention's hidden layer.
        gated: Whether a sigmoid of its own gates every hidden unit.
        learning_rate: Learning rate of Adam.
        weight_decay: Weight of half the squared l2 norm in the loss.
        epochs: Most epochs; in each every bag is seen once, all in one step.
        patience: Epochs without a smaller validation loss after which training ends.
        seed: Seed of the first weights.
    """

    width: int
    gated: bool
    learning_rate: float
    weight_decay: float
    epochs: int
    patience: int
    seed: int


class Attention:
    """Weights a_k = softmax_k(w . tanh(V x_k)), their mean of the images x, and a linear layer on it.

    Gated, tanh(V x_k) is multiplied by sigmoid(U x_k). The frames of a bag have weights and means of their own, which
    the linear layer sees side by side. The attention begins with w = 0: every image has the same weight at first, so
    that a cohort that teaches nothing about images is classified by their mean.

    Args:
        n_features: Length of x.
        n_frames: Frames of a bag.
        n_classes: Classes.
        setting: See :class:`Setting`.
    """

    def __init__(self, n_features: int, n_frames: int, n_classes: int, setting: Setting) -> None:
        import torch

        # One thread adds numbers in one order, so that the same data give the same bits.
        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(setting.seed)

        def first(*shape: int) -> Tensor:
            bound = 1 / shape[-1] ** 0.5
            return ((torch.rand(*shape, generator=generator) * 2 - 1) * bound).requires_grad_()

        self.hidden, self.gate = first(setting.width, n_features), first(setting.width, n_features)
        self.offset, self.gate_offset = (torch.zeros(setting.width, requires_grad=True) for _ in range(2))
        self.attention = torch.zeros(setting.width, requires_grad=True)
        self.output = torch.zeros(n_classes, n_frames * n_features, requires_grad=True)
        self.bias = torch.zeros(n_classes, requires_grad=True)
        self.gated, self.n_classes = setting.gated, n_classes

    @property
    def decayed(self) -> list[Tensor]:
        """Parameters whose norm is penalised."""
        return [self.hidden, self.attention, self.output, *([self.gate] if self.gated else [])]

    @property
    def free(self) -> list[Tensor]:
        """Parameters whose norm is not."""
        return [self.offset, self.bias, *([self.gate_offset] if self.gated else [])]

    def weights(self, x: Tensor, parts: Tensor) -> Tensor:
        """Return the weight of every image, [n_images]; those of a part add up to one."""
        import torch

        hidden = torch.tanh(x @ self.hidden.T + self.offset)
        if self.gated:
            hidden = hidden * torch.sigmoid(x @ self.gate.T + self.gate_offset)
        energy = hidden @ self.attention
        n_parts = int(parts[-1]) + 1
        highest = torch.full((n_parts,), -torch.inf).scatter_reduce(0, parts, energy.detach(), "amax")
        raised = torch.exp(energy - highest[parts])
        return raised / torch.zeros(n_parts).index_add(0, parts, raised)[parts]

    def logits(self, x: Tensor, parts: Tensor, n_bags: int) -> Tensor:
        """Return the logits of every bag, [n_bags, n_classes]."""
        import torch

        weighted = self.weights(x, parts)[:, None] * x
        pooled = torch.zeros(int(parts[-1]) + 1, x.shape[1]).index_add(0, parts, weighted)
        return pooled.reshape(n_bags, -1) @ self.output.T + self.bias

    def look(self, stack: Stack) -> tuple[Floats, Floats]:
        """Return the logits of bags, [n_bags, n_classes], and the weights of their images, [n_images]."""
        import torch

        x, parts = torch.from_numpy(stack.rows), torch.from_numpy(stack.parts)
        with torch.no_grad():
            logits, weights = self.logits(x, parts, stack.n_bags), self.weights(x, parts)
        return logits.numpy().astype(np.float64), weights.numpy().astype(np.float64)


def train(
    stack: Stack,
    classes: Indices,
    n_classes: int,
    setting: Setting,
    held_out: tuple[Stack, Indices] | None,
    epochs: int,
) -> tuple[Attention, int]:
    """Train on bags and return the network after the last epoch, and the epoch of the smallest validation loss.

    The loss is the cross-entropy, in which every class weighs alike.

    Args:
        stack: Training bags.
        classes: Class index of each.
        n_classes: Classes.
        setting: See :class:`Setting`.
        held_out: Other bags with their class indices, whose loss is watched; None trains all ``epochs``.
        epochs: Most epochs.
    """
    import torch

    network = Attention(stack.rows.shape[1], stack.n_frames, n_classes, setting)
    groups: list[dict[str, Any]] = [
        {"params": network.decayed, "weight_decay": setting.weight_decay},
        {"params": network.free},
    ]
    optimiser = torch.optim.Adam(groups, lr=setting.learning_rate, foreach=False)
    best, smallest = 0, float("inf")
    losses = _losses(network, stack, classes)
    watched = None if held_out is None else _losses(network, *held_out)
    for epoch in range(1, epochs + 1):
        optimiser.zero_grad()
        next(losses).backward()
        optimiser.step()
        if watched is not None:
            with torch.no_grad():
                loss = float(next(watched))
            if loss < smallest:
                best, smallest = epoch, loss
            elif epoch - best >= setting.patience:
                break
    return network, best


def _losses(network: Attention, stack: Stack, classes: Indices) -> Iterator[Tensor]:
    """Yield the loss of bags, with the weights that the network has then."""
    import torch

    x, parts, truth = torch.from_numpy(stack.rows), torch.from_numpy(stack.parts), torch.from_numpy(classes)
    counts = np.bincount(classes, minlength=network.n_classes)
    present = np.count_nonzero(counts)
    worth = torch.from_numpy((len(classes) / (present * np.maximum(counts, 1))).astype(np.float32))
    while True:
        logits = network.logits(x, parts, stack.n_bags)
        each = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
        yield (worth[truth] * each).mean()
