"""Batches of a training, micro-batch by micro-batch, read ahead."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sixgig.mim.crops import Source, item_seeds
from sixgig.mim.geometry import Geometry
from sixgig.mim.masking import random_masks
from sixgig.mim.settings import Settings
from sixgig.training.reading import read_ahead

_MASKS = 12  # stream of random numbers


class MicroBatch(NamedTuple):
    """Items that pass through the network together.

    Attributes:
        x: Voxels, float32 [k, c, *crop].
        visible: Visible tokens, int64 [k, v].
        masked: Masked tokens, int64 [k, m].
        share: Its part of the batch, k / n.
        last: Whether the batch ends with it.
    """

    x: Tensor
    visible: Tensor
    masked: Tensor
    share: float
    last: bool


def micro_batches(
    source: Source, geometry: Geometry, settings: Settings, first_step: int, pin: bool
) -> Generator[tuple[MicroBatch, float], None, None]:
    """Yield every micro-batch from a step to the last one, and the seconds waited for it.

    Only two micro-batches are in memory, however large the batch is. Item i of step s has the same crop and the same
    mask whatever the size of a micro-batch.

    Args:
        source: Of the items.
        geometry: Of the network.
        settings: Of the training.
        first_step: From 0.
        pin: Copy into page-locked memory, from which a GPU reads without waiting.
    """
    n, micro = settings.batch_size, settings.micro_batch

    def places() -> Iterator[tuple[int, int]]:
        for step in range(first_step, settings.steps):
            for begin in range(0, n, micro):
                yield step, begin

    def read(place: tuple[int, int]) -> MicroBatch:
        step, begin = place
        end = min(n, begin + micro)
        crops, _ = source.draw(step, n, begin, end)
        seeds = item_seeds(settings.seed, _MASKS, range(step * n + begin, step * n + end))
        masks = random_masks(end - begin, geometry.tokens, settings.mask_ratio, seeds, settings.reference)
        tensors = (torch.from_numpy(crops), *masks)
        x, visible, masked = (tensor.pin_memory() if pin else tensor for tensor in tensors)
        return MicroBatch(x, visible, masked, (end - begin) / n, end == n)

    return read_ahead(read, places())
