"""Where training items come from: random crops of memory-mapped volumes, or whole images.

Every item is a pure function of (seed, position in the data), so any part of any batch can be read by itself,
repeatedly and in any order: a resumed training sees what the killed one would have seen.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from sixgig.errors import ArmError
from sixgig.mim.settings import STANZA
from sixgig.mim.sliding import by, read_crop, release
from sixgig.mim.standardising import Scores

#: How a crop uses the modalities of a volume: all as channels, or one of them (drawn at random in training).
CHANNELS, SEPARATE = "channels", "separate"
MODALITIES = (CHANNELS, SEPARATE)

_ORDER, _ITEM = 1, 2  # streams of random numbers: order of the rows in an epoch, details of an item


class Source(ABC):
    """Items in random order: each row once before any row comes again.

    Args:
        array: [n_rows, ...], usually memory-mapped read-only.
        rows: Rows to draw from, such as those of the pretraining subjects; their order does not matter.
        crop: Size of an item along its spatial dimensions.
        channels: Channels of an item.
        seed: Of everything random.
        flips: Spatial axes (0 is the first one) along which an item is mirrored with probability one half.

    Attributes:
        crop: As given.
        channels: As given.
        rows: Rows that are drawn from, ascending.

    Raises:
        ArmError: There are no rows, or an axis to flip does not exist.
    """

    def __init__(
        self,
        array: np.ndarray,
        rows: Sequence[int] | np.ndarray,
        crop: Sequence[int],
        channels: int,
        seed: int,
        flips: Sequence[int],
    ) -> None:
        self._array, self.rows = array, np.unique(np.asarray(rows, dtype=np.int64))
        self.crop, self.channels = tuple(int(size) for size in crop), channels
        self._seed, self._flips = seed, tuple(sorted(set(flips)))
        if not len(self.rows):
            raise ArmError(STANZA, "there is nothing to learn from or to measure on", "give both roles some subjects")
        if any(axis not in range(len(self.crop)) for axis in self._flips):
            names = ", ".join(str(axis) for axis in range(len(self.crop)))
            raise ArmError(f"{STANZA}.flips", f"names axes {list(self._flips)}", f"use some of {names}, or none")

    def draw(self, step: int, n: int, begin: int = 0, end: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return items of one batch: the items ``step * n + begin`` to ``step * n + end`` of an endless sequence.

        Args:
            step: Number of the batch, from 0.
            n: Items in a batch.
            begin: First item of the batch that is wanted.
            end: One after the last item wanted; None for all.

        Returns:
            Items float32 [k, c, *crop] in [0, 1], and the rows they are from, int64 [k]; k = ``end - begin``.
        """
        positions = range(step * n + begin, step * n + (n if end is None else end))
        rows = self._rows_at(positions)
        items = np.empty((len(positions), self.channels, *self.crop), dtype=np.float32)
        for item, position, row in zip(items, positions, rows, strict=True):
            generator = _generator(self._seed, _ITEM, position)
            read = self._read(int(row), generator)
            mirrored = tuple(1 + axis for axis in self._flips if generator.random() < 0.5)
            item[...] = np.flip(read, mirrored)
        release(self._array)
        return items, rows

    def identity(self) -> dict[str, Any]:
        """Return what decides which items are drawn, as plain values: a checkpoint belongs to one of them."""
        return {
            "source": type(self).__name__,
            "array": [*self._array.shape[1:], str(self._array.dtype)],
            "rows": hashlib.sha256(self.rows.tobytes()).hexdigest(),
            "crop": list(self.crop),
            "channels": self.channels,
            "seed": self._seed,
            "flips": list(self._flips),
        }

    @abstractmethod
    def _read(self, row: int, generator: np.random.Generator) -> np.ndarray:
        """Return one item [c, *crop], values in [0, 1], as a view where possible."""

    def _rows_at(self, positions: range) -> np.ndarray:
        size = len(self.rows)
        epochs = range(positions.start // size, -(-positions.stop // size))
        order = [_generator(self._seed, _ORDER, epoch).permutation(self.rows) for epoch in epochs]
        first = epochs.start * size
        rows: np.ndarray = np.concatenate([*order, np.zeros(0, np.int64)])
        return rows[positions.start - first : positions.stop - first]


class VolumeCrops(Source):
    """Random crops of volumes.

    Args:
        volumes: float16 [n_volumes, D, H, W, M] in [0, 1], memory-mapped: only the bytes of a crop are read.
        rows: Volumes to draw from.
        crop: Depth, height and width of a crop in voxels.
        seed: Of the order of volumes, positions, modalities and flips.
        modalities: ``channels`` (c = M) or ``separate`` (c = 1, a random modality for each crop).
        flips: Axes (0 depth, 1 rows, 2 columns) along which a crop is mirrored with probability one half.
        z_scores: Whether voxels become z-scores, see :mod:`sixgig.mim.standardising`.

    Raises:
        ArmError: The crop is larger than a volume, ``modalities`` is unknown, there are no rows, or an axis to flip
            does not exist.
    """

    def __init__(
        self,
        volumes: np.ndarray,
        rows: Sequence[int] | np.ndarray,
        crop: Sequence[int],
        *,
        seed: int,
        modalities: str = CHANNELS,
        flips: Sequence[int] = (),
        z_scores: bool = False,
    ) -> None:
        check_volumes(volumes, crop, modalities)
        super().__init__(volumes, rows, crop, crop_channels(volumes, modalities), seed, flips)
        self._modalities = modalities
        self._scores = Scores(volumes) if z_scores else None

    def identity(self) -> dict[str, Any]:
        """Return what decides which items are drawn, as plain values."""
        own = {"modalities": self._modalities} | ({"z_scores": True} if self._scores else {})
        return {**super().identity(), **own}

    def _read(self, row: int, generator: np.random.Generator) -> np.ndarray:
        size = self._array.shape[1:4]
        position = [int(generator.integers(whole - part + 1)) for whole, part in zip(size, self.crop, strict=True)]
        chosen = int(generator.integers(self._array.shape[4])) if self._modalities == SEPARATE else None
        crop = read_crop(self._array, row, position, self.crop, chosen)
        return crop if self._scores is None else self._scores.of(row, crop, chosen)


class ImageRows(Source):
    """Whole images.

    Args:
        images: uint8 [n_images, H, W, 3], memory-mapped.
        rows: Images to draw from.
        seed: Of the order of images and of flips.
        flips: Axes (0 rows, 1 columns) along which an image is mirrored with probability one half.
    """

    def __init__(
        self, images: np.ndarray, rows: Sequence[int] | np.ndarray, *, seed: int, flips: Sequence[int] = ()
    ) -> None:
        super().__init__(images, rows, images.shape[1:3], images.shape[3], seed, flips)

    def _read(self, row: int, generator: np.random.Generator) -> np.ndarray:
        image: np.ndarray = np.moveaxis(self._array[row], -1, 0) / np.float32(255)
        return image


def check_volumes(volumes: np.ndarray, crop: Sequence[int], modalities: str) -> None:
    """Check that crops can be taken from volumes.

    Args:
        volumes: [n_volumes, D, H, W, M].
        crop: Depth, height and width in voxels.
        modalities: One of :data:`MODALITIES`.

    Raises:
        ArmError: The crop is larger than a volume, the array has no volumes, or ``modalities`` is unknown.
    """
    if modalities not in MODALITIES:
        raise ArmError(f"{STANZA}.modalities", f"is {modalities!r}", f"use {' or '.join(MODALITIES)}")
    if volumes.ndim != 5 or len(crop) != 3:
        raise ArmError(
            f"{STANZA}.mode",
            f"is volume, and there are arrays of shape {list(volumes.shape)} and crops of {list(crop)}",
            "set it to slices for a cohort of images",
        )
    size = volumes.shape[1:4]
    if any(part > whole for part, whole in zip(crop, size, strict=True)):
        largest = [min(part, whole) for part, whole in zip(crop, size, strict=True)]
        raise ArmError(
            f"{STANZA}.crop",
            f"is {by(crop)} voxels, and the cohort's volumes have only {by(size)}",
            f"set it to {by(largest)} or less, a multiple of {STANZA}.patch, or prepare larger volumes",
        )


def crop_channels(volumes: np.ndarray, modalities: str) -> int:
    """Return the channels of a crop of ``volumes`` [n_volumes, D, H, W, M]: M, or 1 when they are separate."""
    return 1 if modalities == SEPARATE else int(volumes.shape[4])


def item_seeds(seed: int, stream: int, positions: range) -> list[int]:
    """Return one seed for each item of the sequence, such as for its mask.

    Args:
        seed: Of the training.
        stream: Distinguishes what the seeds are for.
        positions: Of the items.
    """
    sequences = (np.random.SeedSequence([seed, stream, position]) for position in positions)
    return [int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)) for sequence in sequences]


def _generator(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, number])))
