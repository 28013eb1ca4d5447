"""The default recipe against the plain way: the same bytes, whatever is done to be fast."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.preparation import prepare_cohort

SIZE = 20


def plain_pictures(files: list[Path], crop_mm: float | None) -> list[np.ndarray]:
    """Every slice but the outer twentieths, from float32 volumes in memory: uint8 [20, 20, 3] each."""
    images = [nib.as_closest_canonical(nib.load(path)) for path in files]
    channels = [image.get_fdata(dtype=np.float32) for image in images]
    # From the header as it is stored: ACDC's affine, which nibabel keeps, is of unit scale.
    x_mm, y_mm = (float(size) for size in nib.load(files[0]).header.get_zooms()[:2])
    if crop_mm is None:
        mask = np.any([channel != 0 for channel in channels], axis=0)
        box = tuple(slice(int(places.min()), int(places.max()) + 1) for places in np.nonzero(mask))
    else:
        mask = np.ones(channels[0].shape, bool)
        kept = [min(n, round(crop_mm / mm)) for n, mm in zip(mask.shape, (x_mm, y_mm), strict=False)]
        starts = [(n - k) // 2 for n, k in zip(mask.shape, kept, strict=False)]
        box = (*(slice(start, start + k) for start, k in zip(starts, kept, strict=True)), slice(None))
    ready = []
    for channel in channels:
        low, high = (np.float32(value) for value in np.percentile(channel[mask].astype(np.float64), [1, 99]))
        ready.append(np.clip((channel - low) / (high - low), 0, 1)[box] * mask[box])
    n_slices = ready[0].shape[2]
    margin = int(n_slices * 0.05)
    found = []
    for place in range(margin, n_slices - margin):
        planes = [np.ascontiguousarray(channel[:, ::-1, place].T) for channel in ready]
        height, width = planes[0].shape[0] * y_mm, planes[0].shape[1] * x_mm
        scale = min(SIZE / height, SIZE / width)
        rows, columns = round(height * scale), round(width * scale)
        picture = np.zeros((SIZE, SIZE, len(planes)), np.float32)
        top, left = (SIZE - rows) // 2, (SIZE - columns) // 2
        for number, plane in enumerate(planes):
            resized = Image.fromarray(plane).resize((columns, rows), Image.Resampling.BICUBIC)
            picture[top : top + rows, left : left + columns, number] = np.asarray(resized).clip(0, 1)
        found.append(np.broadcast_to(np.rint(picture * 255).astype(np.uint8), (SIZE, SIZE, 3)))
    return found


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_brats(make_brats: Callable[..., Path], tmp_path: Path, dtype: str) -> None:
    root = make_brats(["HGG", "LGG"])
    modalities = ["flair", "t1ce", "t2"]
    for path in root.rglob("*_*_[ft]*.nii.gz"):
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj).astype(dtype), image.affine), path)
    prepare_cohort(
        "brats", root, tmp_path / "c", image_size=SIZE, options={"modalities": modalities}, seed=1,
        max_quarantine_fraction=0.0,
    )  # fmt: skip
    expected = []
    for folder in sorted(path for path in root.rglob("BraTS20_Training_*") if path.is_dir()):
        expected += plain_pictures([folder / f"{folder.name}_{modality}.nii.gz" for modality in modalities], None)
    assert np.array_equal(np.load(tmp_path / "c" / "images.npy"), np.stack(expected))


def test_acdc(make_acdc: Callable[..., Path], tmp_path: Path) -> None:
    root = make_acdc(["NOR", "DCM"])
    prepare_cohort(
        "acdc", root, tmp_path / "c", image_size=SIZE, options={"crop_mm": 24}, seed=1, max_quarantine_fraction=0.0
    )
    expected = [picture for path in sorted(root.rglob("*frame*.nii.gz")) for picture in plain_pictures([path], 24)]
    assert np.array_equal(np.load(tmp_path / "c" / "images.npy"), np.stack(expected))
