"""The images that a DICOM file holds, without their pixels: one plane each, of an enhanced file one for each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.cohorts.dicom.files import read_dataset
from sixgig.cohorts.dicom.values import Values, numbers, quiet, tag_numbers, text, values_of, whole

#: What tells stacks of one series apart when a position is there several times, in this order.
REPEATS = (
    "EchoTime", "EchoNumbers", "TemporalPositionIdentifier", "DiffusionBValue", "ImageType", "InversionTime",
    "FlipAngle", "TriggerTime", "FrameReferenceTime", "CardiacCyclePosition", "AcquisitionNumber", "StackID",
    "AcquisitionTime", "ContentTime",
)  # fmt: skip
#: Tags that are read of every file, besides those that the study file names.
TAGS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID",
    "SeriesInstanceUID", "FrameOfReferenceUID", "SeriesDescription", "ProtocolName", "SequenceName", "SeriesNumber",
    "InstanceNumber",    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "SpacingBetweenSlices", "RepetitionTime", "ConvolutionKernel", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", *REPEATS,
)  # fmt: skip
#: Tags about intensities, which differ from frame to frame in enhanced files.
INTENSITIES = (
    "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "BitsStored", "HighBit", "PixelRepresentation", "Units",
)  # fmt: skip
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
#: Enhanced files have names of their own for some tags.
_ENHANCED = {
    "EffectiveEchoTime": "EchoTime", "TemporalPositionIndex": "TemporalPositionIdentifier", "FrameType": "ImageType",
    "NominalCardiacTriggerDelayTime": "TriggerTime", "FrameAcquisitionNumber": "AcquisitionNumber",
}  # fmt: skip
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
#: Cosines whose lengths or angle are off by more than this are not directions.
_CROOKED = 0.02
_MOST_FRAMES = 100_000


@dataclass(frozen=True)
class Plane:
    """One image of a file.

    Attributes:
        source: The file, relative to the cohort's folder.
        frame: Its place in an enhanced file, from 0; None where the file holds one image.
        values: Its tags, those of its frame first.
    """

    source: str
    frame: int | None
    values: Values

    @property
    def position(self) -> tuple[float, ...] | None:
        """Centre of its first pixel in mm to the left, posterior and superior; None when not there."""
        return numbers(self.values, "ImagePositionPatient", 3)

    @property
    def orientation(self) -> tuple[float, ...] | None:
        """Directions of a row and of a column; None when not there, or when they are no directions."""
        found = numbers(self.values, "ImageOrientationPatient", 6)
        if found is None:
            return None
        row, column = np.reshape(found, (2, 3))
        crooked = max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column))
        return found if crooked < _CROOKED else None

    @property
    def spacing(self) -> tuple[tuple[float, float], str]:
        """Height and width of a pixel in mm, and the tag that says so; 1 mm and no tag when none does."""
        for tag in _SPACINGS:
            found = numbers(self.values, tag, 2)
            if found is not None and min(found) > 0:
                return (found[0], found[1]), tag
        return (1.0, 1.0), ""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns; 0 when not there."""
        return whole(self.values, "Rows") or 0, whole(self.values, "Columns") or 0

    @property
    def modality(self) -> str:
        """CT, MR ...; empty when not there."""
        return text(self.values, "Modality").upper()


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        source: The file, relative to the cohort's folder.
        values: Its tags, those of a file that is no image included.
        planes: Its images; one of them without frame for every file that is not enhanced.
        problem: Why it cannot be used although it is an image; None when it can.
    """

    source: str
    values: Values
    planes: tuple[Plane, ...]
    problem: str | None = None


def read_header(path: Path, source: str, wanted: Sequence[str | int] = ()) -> Header:
    """Read the header of a file, not its pixels.

    Args:
        path: The file.
        source: The same, relative to the cohort's folder.
        wanted: Tags to read besides :data:`TAGS`.

    Raises:
        ImageError: It is damaged.
        OSError: The disk is.
    """
    tags = [*TAGS, *wanted]
    dataset = read_dataset(path, pixels=False, tags=tag_numbers([*tags, "DirectoryRecordSequence", *_GROUPS]))
    return header_of(dataset, source, tags)


def header_of(dataset: Any, source: str, tags: Sequence[str | int]) -> Header:
    """Return what a pydicom dataset says of itself; ``tags`` are those to keep."""
    values = values_of(dataset, tags)
    if "SOPClassUID" not in values:
        values["SOPClassUID"] = values_of(dataset.file_meta, [_CLASS]).get(_CLASS, ("",))
    if "DirectoryRecordSequence" in dataset:
        values["SOPClassUID"] = (_DIRECTORY,)
    if not (whole(values, "Rows") or 0) > 0 or not (whole(values, "Columns") or 0) > 0:
        reason = "has no number of rows and columns, as a file that is cut"
        return Header(source, values, (Plane(source, None, values),), reason)
    n_frames = _n_frames(values)
    if n_frames is None:
        said = "\\".join(values["NumberOfFrames"])
        return Header(source, values, (Plane(source, None, values),), f"has a NumberOfFrames of {said}")
    if n_frames == 1 and _GROUPS[1] not in dataset:
        return Header(source, values, (Plane(source, None, values),))
    with quiet():
        frames = _frames(dataset, n_frames, tags)
    if frames is None:
        reason = f"holds {n_frames} frames, and does not say where each of them lies"
        return Header(source, values, (Plane(source, None, values),), reason)
    return Header(source, values, tuple(Plane(source, i, {**values, **own}) for i, own in enumerate(frames)))


_CLASS = "MediaStorageSOPClassUID"
_DIRECTORY = "1.2.840.10008.1.3.10"


def _n_frames(values: Values) -> int | None:
    """Return how many frames there are; None when that is no number, or there are several numbers."""
    if "NumberOfFrames" not in values:
        return 1
    number = whole(values, "NumberOfFrames") if len(values["NumberOfFrames"]) == 1 else None
    return number if number is not None and 0 < number <= _MOST_FRAMES else None


def _frames(dataset: Any, n_frames: int, tags: Sequence[str | int]) -> list[Values] | None:
    """Return the tags that each frame has of its own; None when the file does not list its frames."""
    try:
        shared = [group for item in dataset.get(_GROUPS[0]) or () for group in _groups(item)]
        own = list(dataset.get(_GROUPS[1]) or ())
        if len(own) != n_frames:
            return None
        common = _flat(shared, tags)
        return [{**common, **_flat(_groups(item), tags)} for item in own]
    except Exception:  # a sequence that is none: then nothing is known of the frames
        return None


def _groups(item: Any) -> list[Any]:
    """Return the first item of every functional group."""
    found = []
    for element in item:
        if element.VR == "SQ" and len(element.value):
            found.append(element.value[0])
            # Diffusion gradients and the like lie one level deeper, and are not needed.
    return found


def _flat(groups: Sequence[Any], tags: Sequence[str | int]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        found.update(values_of(group, [*(tag for tag in tags if tag in group), *(n for n in _ENHANCED if n in group)]))
    for name, usual in _ENHANCED.items():
        if name in found:
            found.setdefault(usual, found.pop(name))
    return found
