"""NIfTI files and a head for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

#: BraTS stores voxels to the left and to posterior.
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def save_nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None, zooms: Sequence[float] = ()) -> None:
    """Write an array whose axes already lie as the affine says."""
    image = nib.Nifti1Image(array, np.eye(4) if affine is None else affine)
    if zooms:
        image.header.set_zooms(zooms)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def head(rng: np.random.Generator, shape: tuple[int, int, int] = (24, 28, 20)) -> np.ndarray:
    """Return an ellipsoid of positive int16 values (RAS) with zeros around it."""
    grids = np.meshgrid(*(np.linspace(-1.25, 1.25, n) for n in shape), indexing="ij")
    inside = sum(grid**2 for grid in grids) < 1
    return np.where(inside, rng.integers(200, 900, shape), 0).astype(np.int16)
