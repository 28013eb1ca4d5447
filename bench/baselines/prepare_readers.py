"""How others read a NIfTI file or a DICOM series, each as its own documentation shows it: to floats [X, Y, Z]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def nibabel(path: Path) -> Any:
    """Return a NIfTI file in the nearest canonical orientation."""
    import nibabel as nib

    return nib.as_closest_canonical(nib.load(path)).get_fdata()


def simpleitk(path: Path) -> Any:
    """Return a NIfTI file, or the series in a folder, turned to right, anterior, superior."""
    import SimpleITK as sitk  # noqa: N813 (its users' name for it)

    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    # ITK names an orientation by where axes point: LPS there is RAS here.
    return sitk.GetArrayFromImage(sitk.DICOMOrient(image, "RAS")).transpose(2, 1, 0).astype(np.float32)


def monai(path: Path) -> Any:
    """Return a NIfTI file or the series in a folder by MONAI's loader, in RAS."""
    from monai.transforms import Compose, LoadImage, Orientation

    reader = "PydicomReader" if path.is_dir() else "NibabelReader"
    load = Compose(
        [LoadImage(reader=reader, image_only=True, ensure_channel_first=True), Orientation("RAS", labels=None)]
    )
    return load(path)[0].numpy()


def pydicom(folder: Path) -> Any:
    """Return the series in a folder, sorted by position, its slices turned as in the other readers."""
    import pydicom as dicom

    slices = [dicom.dcmread(path) for path in folder.iterdir()]
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    stack = np.stack([one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in slices], -1)
    return stack.transpose(1, 0, 2)[::-1, ::-1]
