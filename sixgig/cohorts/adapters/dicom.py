"""DICOM series: one volume for each, found below a folder by their headers, read with pydicom."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.csv_rows import check_overlap, label_table
from sixgig.errors import ImageError

_FEWEST_SLICES = 4
#: Slices are evenly spaced when no gap differs from the median by more than this part of it.
_UNEVEN = 0.1
_TAGS = (
    "SOPClassUID", "PatientID", "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "Rows", "Columns", "SeriesDescription", "NumberOfFrames", "SamplesPerPixel", "InstanceNumber",
)  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Slice:
    """What a file's header says."""

    path: Path
    subject_id: str
    series: str
    problem: str | None


class DicomAdapter(Adapter):
    """One subject is one ``PatientID`` (where empty: the file's folder); each of its series is a volume.

    A series needs four slices, so that scouts are left out. Labels come from the ``labels`` table of the stanza.
    """

    name = "dicom"
    title = "DICOM series"
    dimensions = 3
    subject_note = "subject-level split: one subject is one PatientID"
    layout = "a folder with DICOM files, in any folders below it"
    known_modalities = ("image",)
    option_keys = ("labels",)
    opens_files = True
    pseudonyms = True

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a cohort of DICOM series."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        if not any(_is_dicom(path) for path in _files(root)):
            return [f"{root} holds no DICOM file"]
        return []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        found = Discovery()
        series: dict[tuple[str, str], list[_Slice]] = defaultdict(list)
        for path in _files(root):
            if not _is_dicom(path):
                continue
            header = _header(path, root)
            if header.problem is not None:
                found.rejections.append(Rejection(str(path.relative_to(root)), None, header.problem))
            else:
                series[header.subject_id, header.series].append(header)
        items: dict[str, list[Item]] = defaultdict(list)
        for (subject_id, _), slices in sorted(series.items()):
            first = str(slices[0].path.relative_to(root))
            if len(slices) < _FEWEST_SLICES:
                reason = f"its series has {len(slices)} of the {_FEWEST_SLICES} slices that a volume needs"
                found.rejections.append(Rejection(first, None, reason))
                continue
            number = len(items[subject_id]) + 1
            files = {str(place): str(one.path.relative_to(root)) for place, one in enumerate(slices)}
            items[subject_id].append(Item(f"{subject_id}_{number}", files))
        labels = label_table(self.options)
        if labels is not None:
            check_overlap(labels, list(items), self.options["labels"]["file"])
        for subject_id, own in sorted(items.items()):
            if own:
                found.records.append(Record(root, subject_id, (labels or {}).get(subject_id), tuple(own)))
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read one item of a subject."""
        sources = tuple(item.files.values())
        array, spacing = _read_series([record.root / source for source in sources])
        return Volume(array, spacing, item.item_id, item.frame, (sources[0],))


def _files(root: Path) -> Iterator[Path]:
    yield from (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith("."))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _header(path: Path, root: Path) -> _Slice:
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except Exception as error:  # pydicom raises whatever its parser stumbles over
        return _Slice(path, "", "", f"is damaged: {error or type(error).__name__}")
    problem = None
    if "Rows" not in header:
        problem = "is not an image"
    elif int(header.get("NumberOfFrames") or 1) > 1:
        problem = "holds several frames in one file, which this adapter does not read"
    elif int(header.get("SamplesPerPixel") or 1) != 1:
        problem = "is in colour"
    elif any(header.get(tag) is None for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")):
        problem = "has no position, orientation or pixel spacing"
    subject = str(header.get("PatientID") or "").strip() or path.parent.relative_to(root).as_posix()
    return _Slice(path, subject, str(header.get("SeriesInstanceUID") or path.parent), problem)


def _read_series(paths: list[Path]) -> tuple[npt.NDArray[np.float32], tuple[float, float, float]]:
    """Read the slices of a series as float32 [X, Y, Z, 1] in RAS orientation, and the voxel size in mm.

    DICOM's axes are left, posterior, superior; a slice's rows and columns are turned to the nearest axes of the body.

    Raises:
        ImageError: A slice cannot be decoded, or the slices do not make one evenly spaced volume.
    """
    slices = [_pixels(path) for path in paths]
    first, place = slices[0][0], paths[0]
    directions = np.asarray(first.ImageOrientationPatient, dtype=float).reshape(2, 3)
    normal = np.cross(directions[0], directions[1])
    for header, pixels in slices[1:]:
        same = np.allclose(np.asarray(header.ImageOrientationPatient, dtype=float).reshape(2, 3), directions, atol=1e-3)
        if not same or pixels.shape != slices[0][1].shape:
            raise ImageError(place, "its series holds slices of several sizes or directions", "split the series")
    heights = np.array([float(np.dot(normal, header.ImagePositionPatient)) for header, _ in slices])
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order])
    gap = float(np.median(gaps))
    if not gap > 0 or np.abs(gaps - gap).max() > _UNEVEN * gap:
        raise ImageError(
            place,
            f"its series has slices {gaps.min():.2f} to {gaps.max():.2f} mm apart: some are missing or present twice",
            "restore the missing slices, or remove the second copies",
        )
    row_mm, column_mm = (float(value) for value in first.PixelSpacing)
    stack = np.stack([slices[index][1] for index in order], axis=-1)  # rows, columns, slices
    # Axis 0 of the stack runs along the second direction cosine (down a column), axis 1 along the first.
    axes = np.stack([directions[1], directions[0], normal])
    lengths = np.array([row_mm, column_mm, gap])
    body = np.abs(axes).argmax(axis=1)
    if sorted(body) != [0, 1, 2]:
        raise ImageError(
            place, "its slices are too oblique to be turned to the axes of the body", "resample the series"
        )
    to_ras = np.array([-1.0, -1.0, 1.0])
    for axis in range(3):
        if axes[axis, body[axis]] * to_ras[body[axis]] < 0:
            stack = np.flip(stack, axis)
    turned = np.transpose(stack, np.argsort(body))
    spacing = lengths[np.argsort(body)]
    array = np.asfortranarray(turned[..., None], dtype=np.float32)
    if not np.isfinite(array).all():
        raise ImageError(place, "holds NaN or infinite voxels", "restore the series")
    if array.min() == array.max():
        raise ImageError(place, f"is constant: every voxel is {array.flat[0]:g}", "restore the series")
    return array, (float(spacing[0]), float(spacing[1]), float(spacing[2]))


def _pixels(path: Path) -> tuple[Any, npt.NDArray[np.float32]]:
    import pydicom

    try:
        header = pydicom.dcmread(path)
        pixels = header.pixel_array.astype(np.float32)
    except Exception as error:  # a missing decoder, damaged data: whatever it is, this file cannot be used
        raise ImageError(
            path, f"cannot be decoded: {error or type(error).__name__}", "store it uncompressed"
        ) from error
    pixels *= np.float32(header.get("RescaleSlope") or 1)
    pixels += np.float32(header.get("RescaleIntercept") or 0)
    return header, pixels


ADAPTER = DicomAdapter
