"""From volumes to what a 3D network expects, and from its features of crops to one feature per volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sixgig.arms.network_input import VOLUMES_FILTER
from sixgig.arms.volume_network.orientation import orient
from sixgig.errors import ArmError
from sixgig.gpu.ladder import Rung
from sixgig.mim.sliding import Crops, Kept, by, encode_crops, sliding_positions
from sixgig.weights.monai_networks import features_of

if TYPE_CHECKING:
    from torch import Tensor, nn

STANZA = "arms.volume_network"
MATCH, REPEAT, FIRST, SEPARATE = "match", "repeat", "first", "separate"


def encoding(network: nn.Module, model: str, channels: int, options: Mapping[str, Any]) -> Callable[..., np.ndarray]:
    """Return the function that encodes volumes; see :class:`sixgig.arms.base.VolumeEncoder`.

    Args:
        network: The encoder, in evaluation mode.
        model: Its name.
        channels: Its input channels.
        options: The arm's stanza for the cohort.
    """

    def encode(
        volumes: np.ndarray,
        rung: Rung,
        dtype: str,
        kept: Kept,
        advance: Callable[[int], None],
        names: Sequence[str],
    ) -> np.ndarray:
        groups = groups_of(volumes.shape[4], channels, options["channels"])
        scale = Intensity(volumes, options["intensity"]) if options["intensity"] != "unit" else None
        crops = Crops(volumes, options["crop"], groups, f"{STANZA}.crop", scale)
        placed = network.to(rung.device).eval()

        def features(batch: Tensor) -> Tensor:
            seen = orient(batch.expand(-1, channels, -1, -1, -1), options["orientation"])
            return features_of(model, placed, seen.contiguous())

        def not_finite(row: int, used: str) -> ArmError:
            return _not_finite(volumes[row], f"volume {row} ({names[row]})", used)

        return encode_crops(crops, features, rung.batch_size, rung.device, dtype, kept, advance, not_finite)

    return encode


def groups_of(modalities: int, channels: int, how: str) -> list[int | None]:
    """Return what is encoded by itself: a modality's number, or None for all modalities at once.

    Raises:
        ArmError: The modalities do not become the network's channels in this way.
    """
    if how == SEPARATE:
        return list(range(modalities))
    if how == FIRST:
        return [0]
    fault = channels_fault(modalities, channels, how)
    if fault is not None:
        raise ArmError(f"{STANZA}.channels", *fault)
    return [None]


def channels_fault(modalities: int, channels: int, how: str) -> tuple[str, str] | None:
    """Return why modalities do not become a network's channels, and the next step; None when they do."""
    wanted = f"the network takes {channels} channel{'s' if channels > 1 else ''}"
    if how == MATCH and modalities != channels:
        ways = "repeat, for the same in every channel" if modalities == 1 else "separate, for one at a time, or first"
        return f"is match, {wanted}, and the volumes have {modalities}", f"set it to {ways}"
    if how == REPEAT and modalities != 1:
        return f"is repeat, and the volumes have {modalities} modalities", "set it to separate, or to first"
    return None


class Intensity:
    """Takes the values of crops from [0, 1] to what a network expects.

    Args:
        volumes: [n_volumes, D, H, W, M] in [0, 1].
        how: ``signed``, ``zscore`` or ``zscore_nonzero``.
    """

    def __init__(self, volumes: np.ndarray, how: str) -> None:
        self._volumes, self._how = volumes, how
        self._of: tuple[int, list[tuple[float, float]]] | None = None

    def __call__(self, crop: np.ndarray, row: int, group: int | None) -> None:
        """Change a crop float32 [c, D, H, W] of a volume in place."""
        if self._how == "signed":
            crop *= 2
            crop -= 1
            return
        if self._of is None or self._of[0] != row:
            self._of = row, [self._statistics(row, modality) for modality in range(self._volumes.shape[4])]
        wanted = self._of[1] if group is None else [self._of[1][group]]
        for channel, (mean, deviation) in zip(crop, wanted, strict=True):
            if self._how == "zscore_nonzero":
                np.copyto(channel, (channel - mean) / deviation, where=channel > 0)
            else:
                channel -= mean
                channel /= deviation

    def _statistics(self, row: int, modality: int) -> tuple[float, float]:
        values = np.asarray(self._volumes[row, ..., modality], dtype=np.float32).ravel()
        if self._how == "zscore_nonzero":
            values = values[values > 0]
        if not values.size:
            return 0.0, 1.0
        mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        return mean, deviation or 1.0


def describe(config: Mapping[str, Any], options: Mapping[str, Any]) -> Callable[[tuple[int, ...]], dict[str, Any]]:
    """Return the function that compares, for the sidecar, what the network was made for and what it is given.

    Args:
        config: What the provenance of the weights says of the network's input.
        options: The arm's stanza for the cohort.
    """

    def described(shape: tuple[int, ...]) -> dict[str, Any]:
        size, modalities = shape[1:4], shape[4]
        crops = len(sliding_positions(size, options["crop"]))
        deviations = ["volumes are brought to one size, so that their voxels have no common size in mm"]
        if crops > 1:
            deviations.append(f"{crops} crops of {by(options['crop'])} voxels cover a volume of {by(size)}")
        if options["channels"] != MATCH and config["channels"] > 1:
            deviations.append(f"one modality stands in all {config['channels']} channels of the network")
        if options["channels"] == FIRST and modalities > 1:
            deviations.append(f"the first of {modalities} modalities is seen alone")
        given = {"size": list(options["crop"]), "filter": VOLUMES_FILTER, "crop": 1.0}
        told = {key: options[key] for key in ("channels", "intensity", "orientation")}
        network = {"size": config["size"] and list(options["crop"]), "filter": None, "crop": None}
        return {"network": network, "given": given, "mean": None, "std": None, **told, "deviations": deviations}

    return described


def _not_finite(volume: np.ndarray, name: str, dtype: str) -> ArmError:
    if not np.isfinite(volume).all():
        return ArmError(name, "holds voxels that are not finite", "prepare the cohort again")
    way_out = f"set {STANZA}.precision to float32; if it stays, the weights are damaged"
    return ArmError(STANZA, f"the features of {name} are not finite in {dtype}", way_out)
