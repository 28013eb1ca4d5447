"""What writing a phantom takes and leaves, by its kind: for forecasts. Nothing is written with this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MEGA = 1e6


@dataclass(frozen=True)
class PhantomAmount:
    """What a phantom holds, per subject.

    Attributes:
        volumes: Volumes that are prepared.
        channels: Files of a volume.
        voxels: Voxels of a file.
        seconds: Time that one core of the reference machine writes.
        written_mb: Compressed size of all its files, in MiB.
        classes: Classes of the cohort.
    """

    volumes: int
    channels: int
    voxels: float
    seconds: float
    written_mb: float
    classes: int


def phantom_amount(phantom: Mapping[str, Any]) -> PhantomAmount:
    """Return what the stanza ``source.phantom`` writes per subject; measured on cohorts of the default study."""
    x, y, z = phantom["shape"]
    voxels = float(x * y * z)
    if phantom["kind"] == "brats":
        return PhantomAmount(1, 4, voxels, 0.31 * voxels / _MEGA, 2.6 * voxels / _MEGA, 2)
    frames = int(phantom.get("frames", 12))
    return PhantomAmount(2, 1, voxels, 0.125 * voxels * frames / _MEGA, 0.65 * voxels * frames / _MEGA, 5)
