"""DICOM files of a few voxels, written from nothing: each tag is there because a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)


def noise(seed: int = 0, shape: tuple[int, ...] = (6, 5, 4)) -> np.ndarray:
    """Values [rows, columns, slices]."""
    return np.random.default_rng(seed).integers(1, 900, shape).astype(np.int16)


def image(pixels: np.ndarray, **tags: Any) -> Dataset:
    """One image without a place."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID, one.Modality = CTImageStorage, generate_uid(), "CT"
    one.Rows, one.Columns = pixels.shape[:2]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 8 * pixels.dtype.itemsize
    one.HighBit, one.PixelRepresentation = one.BitsStored - 1, int(pixels.dtype.kind == "i")
    one.PixelData = np.ascontiguousarray(pixels).tobytes()
    one.RescaleSlope, one.RescaleIntercept = 1, 0
    for name, value in tags.items():
        setattr(one, name, value)
    return one


def save(one: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    one.file_meta.MediaStorageSOPClassUID = one.get("SOPClassUID")
    one.file_meta.MediaStorageSOPInstanceUID = one.get("SOPInstanceUID")
    one.save_as(path, enforce_file_format=True)


def write_series(
    folder: Path,
    patient: str = "p1",
    values: np.ndarray | None = None,
    *,
    directions: Sequence[float] = AXIAL,
    step: Sequence[float] | None = None,
    start: Sequence[float] = (0, 0, 0),
    uid: str | None = None,
    name: str = "s",
    **tags: Any,
) -> str:
    """Write a series, a file for each slice, and return its UID; a tag that is called gets the slice's number,
    and one that is ``...`` is left out."""
    values = noise() if values is None else values
    uid = uid or generate_uid()
    normal = np.cross(directions[:3], directions[3:])
    step = 3.0 * normal if step is None else np.asarray(step, float)
    for z in range(values.shape[2]):
        place = {
            "PatientID": patient, "SeriesInstanceUID": uid, "StudyInstanceUID": f"1.2.{len(patient)}",
            "PixelSpacing": [1, 1], "ImageOrientationPatient": list(map(float, directions)),
            "ImagePositionPatient": [float(value) for value in np.asarray(start) + z * step], "InstanceNumber": z + 1,
        }  # fmt: skip
        said = {key: value(z) if isinstance(value, Callable) else value for key, value in tags.items()}
        one = image(values[..., z], **{key: value for key, value in {**place, **said}.items() if value is not ...})
        for key in [key for key, value in said.items() if value is ... and key in one]:
            delattr(one, key)
        save(one, folder / f"{name}{z:03d}.dcm")
    return uid


def enhanced(values: np.ndarray, frames: Sequence[dict[str, Any]], **tags: Any) -> Dataset:
    """One file of several frames [rows, columns, frames]; each frame says its ``position`` and what else differs."""
    one = image(values[..., 0], SOPClassUID=EnhancedMRImageStorage, Modality="MR", **tags)
    one.NumberOfFrames = values.shape[2]
    one.PixelData = np.ascontiguousarray(np.moveaxis(values, 2, 0)).tobytes()
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([_item(PixelSpacing=[0.5, 0.7], SliceThickness=2)])
    one.SharedFunctionalGroupsSequence = Items([shared])
    own = []
    for frame in frames:
        groups = Dataset()
        groups.PlanePositionSequence = Items([_item(ImagePositionPatient=list(map(float, frame["position"])))])
        directions = list(map(float, frame.get("directions", AXIAL)))
        groups.PlaneOrientationSequence = Items([_item(ImageOrientationPatient=directions)])
        slope, intercept = frame.get("rescale", (1, 0))
        groups.PixelValueTransformationSequence = Items([_item(RescaleSlope=slope, RescaleIntercept=intercept)])
        if "echo" in frame:
            groups.MREchoSequence = Items([_item(EffectiveEchoTime=float(frame["echo"]))])
        own.append(groups)
    one.PerFrameFunctionalGroupsSequence = Items(own)
    return one


def _item(**tags: Any) -> Dataset:
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return item
