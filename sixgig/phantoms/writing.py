"""Simulated cohorts in the layout of BraTS 2020 and ACDC, written to disk and read by the adapters of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sixgig.errors import ConfigError

KINDS = ("brats", "acdc")

__all__ = ["KINDS", "write_phantom"]


def write_phantom(
    kind: str,
    root: Path,
    *,
    subjects: int,
    shape: tuple[int, int, int],
    spacing: float,
    seed: int,
    frames: int = 12,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a simulated cohort.

    A subject's folder appears whole or not at all, so a killed run goes on where it stopped. Content depends on the
    seed and the subject's index only, not on ``subjects``, ``workers`` or the order of writing. Subjects that were
    written with other values are replaced.

    Args:
        kind: ``brats`` (brain tumours, HGG and LGG) or ``acdc`` (cine hearts of five groups).
        root: Folder of the cohort; it gets the real cohort's folders.
        subjects: Number of subjects, at least 5.
        shape: Voxels along x, y, z; z counts slices.
        spacing: Voxel size in mm: isotropic for ``brats``, in the plane for ``acdc`` (slices are 8 to 10 mm apart).
        seed: Seed of the cohort.
        frames: Frames of a cine; ``acdc`` only.
        workers: Number of processes.
        progress: Called with the number of further subjects that are complete.

    Raises:
        ConfigError: The kind is unknown, the values are impossible, or the folder holds other data.
    """
    place = f"phantom {root}"
    if kind not in KINDS:
        raise ConfigError(place, f"there is no phantom of kind {kind!r}", f"use one of {', '.join(KINDS)}")
    if len(shape) != 3 or min(shape) < 1 or not spacing > 0:
        raise ConfigError(
            place,
            f"shape {list(shape)} with spacing {spacing} is not a volume",
            "give three sizes of at least 1 and a spacing above 0 mm",
        )
    if workers < 1 or seed < 0:
        raise ConfigError(
            place, f"workers is {workers} and seed is {seed}", "set workers to 1 or more and seed to 0 or more"
        )
    # numpy and nibabel are loaded only when a phantom is written.
    size = (int(shape[0]), int(shape[1]), int(shape[2]))
    if kind == "brats":
        from sixgig.phantoms import brats

        brats.write_cohort(
            Path(root), subjects=subjects, shape=size, spacing=spacing, seed=seed, workers=workers, progress=progress
        )
    else:
        from sixgig.phantoms import acdc

        acdc.write_cohort(
            Path(root),
            subjects=subjects,
            shape=size,
            spacing=spacing,
            seed=seed,
            frames=frames,
            workers=workers,
            progress=progress,
        )
