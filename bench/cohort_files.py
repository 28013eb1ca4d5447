"""Files of cohorts for the rows about preparation: of true size, without true content."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

MODALITIES = ("flair", "t1", "t1ce", "t2")


def write_brats(root: Path, subjects: int, shape: tuple[int, int, int]) -> None:
    """Write subjects in the layout of BraTS 2021: noise of two kinds inside a head, zero outside; int16, gzipped."""
    rng = np.random.default_rng(0)
    grid = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij", sparse=True)
    head = (grid[0] / 0.6) ** 2 + (grid[1] / 0.75) ** 2 + (grid[2] / 0.9) ** 2 < 1
    for subject in range(subjects):
        folder = root / f"BraTS2021_{subject:05d}"
        folder.mkdir(parents=True)
        for modality in MODALITIES:
            texture = gaussian_filter(rng.normal(size=shape).astype(np.float32), 1.5)
            array = np.where(head, 400 + 300 * texture / texture.std() + rng.normal(0, 10, shape), 0).clip(0)
            data = nib.Nifti1Image(array.astype(np.int16), np.diag([-1.0, -1.0, 1.0, 1.0])).to_bytes()
            (folder / f"{folder.name}_{modality}.nii.gz").write_bytes(gzip.compress(data, 6))


def more_brats(root: Path, target: Path, number: int) -> None:
    """Make a larger cohort of second names of the subjects of ``root``."""
    sources = sorted(root.iterdir())
    for place in range(number):
        source, folder = sources[place % len(sources)], target / f"BraTS2021_{place:05d}"
        folder.mkdir(parents=True)
        for path in source.iterdir():
            os.link(path, folder / path.name.replace(source.name, folder.name))


def write_series(folder: Path, shape: tuple[int, int, int]) -> None:
    """Write an axial CT series of smooth noise, a file for each slice; ``shape`` is rows, columns, slices."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True)
    texture = gaussian_filter(np.random.default_rng(0).normal(size=shape).astype(np.float32), 2.0)
    values = (500 + 200 * texture / texture.std()).clip(1).astype(np.int16)
    series, study = generate_uid(), generate_uid()
    for place in range(shape[2]):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        one.Modality, one.PatientID, one.SeriesInstanceUID, one.StudyInstanceUID = "CT", "p1", series, study
        one.Rows, one.Columns, one.InstanceNumber = shape[0], shape[1], place + 1
        one.PixelSpacing, one.ImageOrientationPatient = [1.0, 1.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        one.ImagePositionPatient = [0.0, 0.0, 2.0 * place]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept = 1, 0
        one.PixelData = np.ascontiguousarray(values[..., place]).tobytes()
        one.save_as(folder / f"{place:04d}.dcm", enforce_file_format=True)


def write_pictures(root: Path, number: int, side: int) -> None:
    """Write grey PNG files of smooth noise in two folders, a class each."""
    rng = np.random.default_rng(0)
    for place in range(number):
        texture = gaussian_filter(rng.normal(size=(side, side)).astype(np.float32), 2.0)
        picture = Image.fromarray((128 + 40 * texture / texture.std()).clip(0, 255).astype(np.uint8))
        folder = root / "ab"[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{place:05d}.png")
