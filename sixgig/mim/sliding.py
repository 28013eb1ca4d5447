"""Crops that cover whole volumes, batch by batch, and one feature per volume from those of its crops."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sixgig.errors import ArmError
from sixgig.training.reading import read_ahead

if TYPE_CHECKING:
    import torch

#: Neighbouring crops share at least this part of their extent, up to rounding.
OVERLAP = 0.25


class Kept(Protocol):
    """Features that survive a kill, such as :class:`sixgig.arms.encoding.PartialFeatures`.

    Attributes:
        done: Volumes whose features are kept; encoding continues after them.
    """

    done: int

    def put(self, start: int, stop: int, features: np.ndarray) -> None:
        """Keep the features [stop - start, d] of the volumes ``start`` to ``stop`` - 1."""

    def array(self) -> np.ndarray:
        """Return all features, float32 [n_volumes, d]."""


def by(sizes: Sequence[int]) -> str:
    """Return sizes in words: ``8 x 16 x 16``."""
    return " x ".join(str(size) for size in sizes)


def sliding_positions(
    size: Sequence[int], crop: Sequence[int], overlap: float = OVERLAP, place: str = "crop"
) -> list[tuple[int, ...]]:
    """Return the positions of crops that cover a volume, evenly spread, as few as the overlap allows.

    Args:
        size: Of the volume (or image) along each dimension.
        crop: Of the crops.
        overlap: Neighbours share at least this part of their extent (up to rounding), 0 <= overlap < 1.
        place: The config key of the crop, for the message.

    Returns:
        First voxels, in the order of the array. A volume of the crop's size has one position.

    Raises:
        ArmError: The crop is larger than the volume.
    """
    if any(part > whole for part, whole in zip(crop, size, strict=True)):
        raise ArmError(place, f"is {by(crop)}, larger than {by(size)}", "choose a smaller crop, or larger volumes")
    return list(product(*(_axis_positions(whole, part, overlap) for whole, part in zip(size, crop, strict=True))))


def _axis_positions(whole: int, part: int, overlap: float) -> list[int]:
    stride = max(1, math.floor(part * (1 - overlap)))
    gaps = math.ceil((whole - part) / stride)
    return [round(index * (whole - part) / gaps) for index in range(gaps + 1)] if gaps else [0]


def read_crop(
    volumes: np.ndarray, row: int, position: Sequence[int], crop: Sequence[int], modality: int | None
) -> np.ndarray:
    """Return one crop as a view: nothing is read before its values are used.

    Args:
        volumes: [n_volumes, D, H, W, M].
        row: Volume.
        position: First voxel along D, H and W.
        crop: Voxels along D, H and W.
        modality: The only one wanted, or None for all.

    Returns:
        [c, *crop] of the array's own type.
    """
    depth, height, width = (slice(first, first + size) for first, size in zip(position, crop, strict=True))
    wanted = slice(None) if modality is None else slice(modality, modality + 1)
    return np.moveaxis(volumes[row, depth, height, width, wanted], -1, 0)


def release(array: np.ndarray) -> None:
    """Give back the memory in which a read-only memory map has been read so far.

    The system keeps pages of a mapped file in the process as long as there is room, and counts them as the process's
    own: after an epoch the whole cohort would be resident. They stay in the system's cache, so reading them again is
    cheap.

    Args:
        array: Any array. Nothing happens unless it is a view of a file that is mapped for reading alone.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    # A private writable map (mode "c") would lose its changes.
    if isinstance(base, mmap.mmap) and not array.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


class Crops:
    """Which crops of which volumes are encoded, numbered: volumes outermost, then groups, then positions.

    Args:
        volumes: [n_volumes, D, H, W, M], usually memory-mapped.
        crop: Voxels along D, H and W.
        groups: What is encoded by itself and then concatenated: a modality's number, or None for all modalities.
        place: The config key of the crop, for messages.
        scale: Changes the values of a crop float32 [c, *crop] in place, given its volume and group; None leaves them.

    Raises:
        ArmError: The crop is larger than the volumes.
    """

    def __init__(
        self,
        volumes: np.ndarray,
        crop: Sequence[int],
        groups: Sequence[int | None],
        place: str,
        scale: Callable[[np.ndarray, int, int | None], None] | None = None,
    ) -> None:
        self.volumes, self._crop, self._groups, self._scale = volumes, tuple(crop), list(groups), scale
        self._positions = sliding_positions(volumes.shape[1:4], crop, place=place)
        self.groups, self.crops = len(self._groups), len(self._positions)
        self.per_volume = self.groups * self.crops

    def batches(self, first_volume: int, batch_size: int, pin: bool) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the number of a batch's first crop and its crops [k, c, *crop], reading one batch ahead in a thread.

        The batch in which ``first_volume`` begins is the first one.
        """
        import torch

        number = len(self.volumes) * self.per_volume
        begin = first_volume * self.per_volume // batch_size * batch_size

        def read(first: int) -> tuple[int, torch.Tensor]:
            crops = torch.from_numpy(self._read(range(first, min(first + batch_size, number))))
            return first, crops.pin_memory() if pin else crops

        for batch, _ in read_ahead(read, range(begin, number, batch_size)):
            yield batch

    def _read(self, numbers: range) -> np.ndarray:
        channels = self.volumes.shape[4] if self._groups == [None] else 1
        crops = np.empty((len(numbers), channels, *self._crop), dtype=np.float32)
        for crop, number in zip(crops, numbers, strict=True):
            row, place = divmod(number, self.per_volume)
            group, position = divmod(place, self.crops)
            crop[...] = read_crop(self.volumes, row, self._positions[position], self._crop, self._groups[group])
            if self._scale is not None:
                self._scale(crop, row, self._groups[group])
        release(self.volumes)
        return crops


def encode_crops(
    crops: Crops,
    features_of: Callable[[torch.Tensor], torch.Tensor],
    batch_size: int,
    device: str,
    dtype: str,
    kept: Kept,
    advance: Callable[[int], None],
    not_finite: Callable[[int, str], ArmError],
) -> np.ndarray:
    """Encode volumes as the mean of their crops' features, group by group.

    Batches run across volumes and always hold the same crops, even after a kill: features do not depend on where a
    run was interrupted.

    Args:
        crops: What to encode.
        features_of: The network: crops [k, c, *crop] on the device to features [k, d].
        batch_size: Crops at a time.
        device: ``cuda`` or ``cpu``.
        dtype: ``float32``, or the type of mixed precision.
        kept: Where features are kept.
        advance: Called with the number of volumes that a batch completes.
        not_finite: Returns the error for a volume's row, in a type, whose features are not finite.

    Returns:
        float32 [n_volumes, groups x d].

    Raises:
        ArmError: A feature is not finite.
    """
    import torch

    pool = _Pool(crops)
    mixed = dtype != "float32"
    with torch.inference_mode(), torch.autocast(device, dtype=getattr(torch, dtype), enabled=mixed):
        for first, batch in crops.batches(kept.done, batch_size, pin=device == "cuda"):
            features = features_of(batch.to(device, non_blocking=True))
            done = pool.add(first, features.float().cpu().numpy(), kept.done)
            for row, feature in done:
                if not np.isfinite(feature).all():
                    raise not_finite(row, dtype)
                kept.put(row, row + 1, feature[None])
            if done:
                advance(len(done))
    return kept.array()


class _Pool:
    """Averages the features of crops, volume by volume."""

    def __init__(self, crops: Crops) -> None:
        self._crops = crops
        self._waiting: dict[int, list[np.ndarray]] = {}

    def add(self, first: int, features: np.ndarray, done: int) -> list[tuple[int, np.ndarray]]:
        """Take the features [k, d] of the crops from number ``first`` on.

        Args:
            first: Number of the first crop.
            features: Of the crops.
            done: Volumes that no longer need features.

        Returns:
            The volumes completed, with their features [groups x d].
        """
        completed = []
        for number, feature in enumerate(features, start=first):
            row = number // self._crops.per_volume
            if row < done:
                continue
            waiting = self._waiting.setdefault(row, [])
            waiting.append(feature)
            if len(waiting) == self._crops.per_volume:
                grouped = np.stack(self._waiting.pop(row)).reshape(self._crops.groups, self._crops.crops, -1)
                completed.append((row, grouped.mean(axis=1, dtype=np.float64).astype(np.float32).ravel()))
        return completed
