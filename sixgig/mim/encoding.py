"""Features of whole volumes: the encoder's tokens, averaged over crops that cover each volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

from sixgig.errors import ArmError
from sixgig.gpu.ladder import Rung
from sixgig.mim.crops import SEPARATE, check_volumes, crop_channels, read_crop, release, sliding_positions
from sixgig.mim.network import TokenEncoder
from sixgig.mim.settings import STANZA
from sixgig.mim.standardising import Scores
from sixgig.training.reading import read_ahead

TOKENS = ("mean", "cls")


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


def encode_volumes(
    encoder: TokenEncoder,
    modalities: str,
    token: str,
    volumes: np.ndarray,
    rung: Rung,
    dtype: str,
    kept: Kept,
    advance: Callable[[int], None],
    names: Sequence[str],
) -> np.ndarray:
    """Encode volumes of any size not below the crop's.

    The feature of a crop is the mean of its patch tokens after the last LayerNorm (which pretraining applies too), or
    the class token; that of a volume is the mean over evenly spread crops. Batches run across volumes and always hold
    the same crops, even after a kill: features do not depend on where a run was interrupted.

    Args:
        encoder: Trained, or not.
        modalities: ``channels`` (all at once) or ``separate`` (each by itself, features concatenated in order).
        token: ``mean`` or ``cls``; a network without class token has only ``mean``.
        volumes: float16 [n_volumes, D, H, W, M] in [0, 1], memory-mapped: crops are read one batch ahead. An encoder
            with a ``reference`` shape gets them as z-scores.
        rung: Crops at a time, and the device.
        dtype: ``float32``, or the type of mixed precision on a GPU.
        kept: Where features are kept.
        advance: Called with the number of volumes that a batch completes.
        names: Of the volumes, for error messages.

    Returns:
        float32 [n_volumes, d], d = width, times the number of modalities when they are separate.

    Raises:
        ArmError: The crop is larger than the volumes, their channels are not the encoder's, the token is unknown, or a
            feature is not finite (the volume is named).
    """
    if token not in TOKENS:
        raise ArmError(f"{STANZA}.token", f"is {token!r}", f"use {' or '.join(TOKENS)}")
    geometry = encoder.geometry
    check_volumes(volumes, geometry.crop, modalities)
    if crop_channels(volumes, modalities) != geometry.channels:
        raise ArmError(
            f"{STANZA}.modalities",
            f"{modalities} gives crops of {crop_channels(volumes, modalities)} channels, "
            f"and the network takes {geometry.channels}",
            "encode the cohort that the network was trained on, with the same modalities",
        )
    plan = _Plan(volumes, geometry.crop, modalities, z_scores=encoder.shape.reference)
    pool = _Pool(plan)
    device, mixed = rung.device, rung.device == "cuda" and dtype != "float32"
    encoder = encoder.to(device).eval()
    with torch.inference_mode(), torch.autocast(device, dtype=getattr(torch, dtype), enabled=mixed):
        for first, crops in plan.batches(kept.done, rung.batch_size, pin=device == "cuda"):
            tokens = encoder(crops.to(device, non_blocking=True)).float()
            if token == "cls" and encoder.shape.class_token:
                features = tokens[:, 0]
            else:
                features = tokens[:, encoder.prefix_tokens :].mean(dim=1)
            done = pool.add(first, features.cpu().numpy(), kept.done)
            for row, feature in done:
                if not np.isfinite(feature).all():
                    raise _not_finite(row, volumes[row], dtype if mixed else "float32", names)
                kept.put(row, row + 1, feature[None])
            if done:
                advance(len(done))
    return kept.array()


def _not_finite(row: int, volume: np.ndarray, dtype: str, names: Sequence[str]) -> ArmError:
    name = f"volume {row} ({names[row]})"
    if not np.isfinite(volume).all():
        return ArmError(name, "holds voxels that are not finite", "prepare the cohort again")
    way_out = f"set {STANZA}.precision to float32; if it stays, train again with a lower {STANZA}.learning_rate"
    return ArmError(STANZA, f"the features of {name} are not finite in {dtype}", way_out)


class _Plan:
    """Which crops of which volumes are encoded, numbered: volumes outermost, then modalities, then positions."""

    def __init__(self, volumes: np.ndarray, crop: tuple[int, ...], modalities: str, z_scores: bool) -> None:
        self._volumes, self._crop = volumes, crop
        self._scores = Scores(volumes) if z_scores else None
        self._positions = sliding_positions(volumes.shape[1:4], crop)
        self._modalities: list[int | None] = list(range(volumes.shape[4])) if modalities == SEPARATE else [None]
        self.groups, self.crops = len(self._modalities), len(self._positions)
        self.per_volume = self.groups * self.crops

    def batches(self, first_volume: int, batch_size: int, pin: bool) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the number of a batch's first crop and its crops [k, c, *crop], reading one batch ahead in a thread.

        The batch in which ``first_volume`` begins is the first one.
        """
        number = len(self._volumes) * self.per_volume
        begin = first_volume * self.per_volume // batch_size * batch_size

        def read(first: int) -> tuple[int, torch.Tensor]:
            crops = torch.from_numpy(self._read(range(first, min(first + batch_size, number))))
            return first, crops.pin_memory() if pin else crops

        for batch, _ in read_ahead(read, range(begin, number, batch_size)):
            yield batch

    def _read(self, numbers: range) -> np.ndarray:
        channels = self._volumes.shape[4] if self._modalities == [None] else 1
        crops = np.empty((len(numbers), channels, *self._crop), dtype=np.float32)
        for crop, number in zip(crops, numbers, strict=True):
            row, place = divmod(number, self.per_volume)
            group, position = divmod(place, self.crops)
            modality = self._modalities[group]
            read = read_crop(self._volumes, row, self._positions[position], self._crop, modality)
            crop[...] = read if self._scores is None else self._scores.of(row, read, modality)
        release(self._volumes)
        return crops


class _Pool:
    """Averages the features of crops, volume by volume."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._waiting: dict[int, list[np.ndarray]] = {}

    def add(self, first: int, features: np.ndarray, done: int) -> list[tuple[int, np.ndarray]]:
        """Take the features [k, width] of the crops from number ``first`` on.

        Args:
            first: Number of the first crop.
            features: Of the crops.
            done: Volumes that no longer need features.

        Returns:
            The volumes completed, with their features [groups x width].
        """
        completed = []
        for number, feature in enumerate(features, start=first):
            row = number // self._plan.per_volume
            if row < done:
                continue
            crops = self._waiting.setdefault(row, [])
            crops.append(feature)
            if len(crops) == self._plan.per_volume:
                grouped = np.stack(self._waiting.pop(row)).reshape(self._plan.groups, self._plan.crops, -1)
                completed.append((row, grouped.mean(axis=1, dtype=np.float64).astype(np.float32).ravel()))
        return completed
