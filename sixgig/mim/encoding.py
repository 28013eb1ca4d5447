"""Features of whole volumes: the encoder's tokens, averaged over crops that cover each volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from sixgig.errors import ArmError
from sixgig.gpu.ladder import Rung
from sixgig.mim.crops import SEPARATE, check_volumes, crop_channels
from sixgig.mim.network import TokenEncoder
from sixgig.mim.settings import STANZA
from sixgig.mim.sliding import Crops, Kept, encode_crops
from sixgig.mim.standardising import Scores

TOKENS = ("mean", "cls")


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
        dtype: ``float32``, or the type of mixed precision.
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
    groups = list(range(volumes.shape[4])) if modalities == SEPARATE else [None]
    scores = Scores(volumes) if encoder.shape.reference else None

    def standardise(crop: np.ndarray, row: int, modality: int | None) -> None:
        if scores is not None:
            crop[...] = scores.of(row, crop, modality)

    crops = Crops(volumes, geometry.crop, groups, f"{STANZA}.crop", standardise)
    encoder = encoder.to(rung.device).eval()

    def features_of(batch: torch.Tensor) -> torch.Tensor:
        tokens = encoder(batch).float()
        if token == "cls" and encoder.shape.class_token:
            return tokens[:, 0]
        return tokens[:, encoder.prefix_tokens :].mean(dim=1)

    def not_finite(row: int, used: str) -> ArmError:
        return _not_finite(row, volumes[row], used, names)

    return encode_crops(crops, features_of, rung.batch_size, rung.device, dtype, kept, advance, not_finite)


def _not_finite(row: int, volume: np.ndarray, dtype: str, names: Sequence[str]) -> ArmError:
    name = f"volume {row} ({names[row]})"
    if not np.isfinite(volume).all():
        return ArmError(name, "holds voxels that are not finite", "prepare the cohort again")
    way_out = f"set {STANZA}.precision to float32; if it stays, train again with a lower {STANZA}.learning_rate"
    return ArmError(STANZA, f"the features of {name} are not finite in {dtype}", way_out)
