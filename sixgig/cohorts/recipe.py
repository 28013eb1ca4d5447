"""How the subjects of a cohort are prepared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sixgig.cohorts.foreground import Foreground
from sixgig.cohorts.images import Filter
from sixgig.cohorts.normalisation import Normalisation

DEFAULT_PARTITIONS = 4


@dataclass(frozen=True)
class Recipe:
    """How every subject of a cohort is prepared.

    Attributes:
        image_size: Side of the square images in pixels.
        every: Take each n-th slice; None when not asked for.
        count: Take n slices of each volume; None when not asked for. Neither: all slices.
        partitions: Number of equal partitions across the slices.
        volume_size: (D, H, W) of volumes.npy, or None for a file without rows.
        crop: What is cut out of a volume. ``foreground``: its bounding box. ``centre``: in-plane a centred square of
            ``crop_mm`` (a smaller volume is kept whole), and all slices of the foreground. ``none``: everything.
        crop_mm: In-plane side of the centre crop in mm.
        foreground: What counts as foreground, see :func:`sixgig.cohorts.foreground.find_foreground`.
        normalisation: How intensities become [0, 1].
        spacing: Voxel size to resample to, in mm; 0 leaves an axis alone. None: no resampling.
        n4: Whether the bias field is corrected.
        plane: In which volumes are sliced, see :func:`sixgig.cohorts.planes.choose_plane`; None: nobody chose, axial.
        geometry: What a doubt about where voxels lie does: ``warn``, a remark; ``strict``, a rejection.
        image_filter: How pictures are brought to their size; volumes always with a triangle.
        image_crop: Share of a picture's shorter side that is shown; None shows all of it, padded with black.
        keep_8_bit: Whether 8-bit pictures stay as they are, because the study file asks for no normalisation.
    """

    image_size: int
    every: int | None = None
    count: int | None = None
    partitions: int = DEFAULT_PARTITIONS
    volume_size: tuple[int, int, int] | None = None
    crop: Literal["foreground", "centre", "none"] = "foreground"
    crop_mm: float | None = None
    foreground: Foreground = "all"
    normalisation: Normalisation = field(default_factory=Normalisation)
    spacing: tuple[float, float, float] | None = None
    n4: bool = False
    plane: Literal["axial", "acquisition", "sagittal", "coronal"] | None = None
    geometry: Literal["strict", "warn"] = "warn"
    image_filter: Filter = "bicubic"
    image_crop: float | None = None
    keep_8_bit: bool = True
