"""One volume from the slices of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Record, Remark
from sixgig.cohorts.dicom.files import read_dataset
from sixgig.cohorts.dicom.geometry import Grid, arrange, turned, unshear
from sixgig.cohorts.dicom.headers import INTENSITIES, TAGS, Plane, header_of
from sixgig.cohorts.dicom.intensities import Grey, fill_padding, read_grey
from sixgig.cohorts.dicom.stacks import Stack
from sixgig.cohorts.dicom.values import text
from sixgig.errors import ImageError


@dataclass(frozen=True)
class Read:
    """A stack that was read.

    Attributes:
        array: float32 [X, Y, Z, 1], right, anterior, superior.
        grid: Where its voxels lie.
        frame_of_reference: Images of the same one lie beside each other as their positions say; empty when unknown.
        window: The window that its slices state (the median of theirs); None when none does.
        remarks: Kind and text of what is in doubt.
    """

    array: npt.NDArray[np.float32]
    grid: Grid
    frame_of_reference: str
    window: tuple[float, float] | None
    remarks: tuple[tuple[Literal["intensity", "geometry"], str], ...]


def files_of(stack: Stack) -> dict[str, str]:
    """Return the files of a stack by names that say their place, and which frames of an enhanced file are meant."""
    files: dict[str, list[int]] = {}
    for plane in stack.planes:
        files.setdefault(plane.source, []).extend([] if plane.frame is None else [plane.frame])
    return {
        f"{place}{'@' if frames else ''}{_written(frames)}": source
        for place, (source, frames) in enumerate(files.items())
    }


def read_stack(root: Path, files: Mapping[str, str]) -> Read:
    """Read the slices that :func:`files_of` named.

    Raises:
        ImageError: A slice cannot be decoded, or they do not make one evenly spaced volume.
        OSError: A file cannot be read.
    """
    planes: list[Plane] = []
    greys: list[Grey] = []
    for name, source in files.items():
        try:
            dataset = read_dataset(root / source, pixels=True)
        except ImageError as error:
            raise ImageError(source, error.reason, error.next_step) from error
        header = header_of(dataset, source, [*TAGS, *INTENSITIES])
        if header.problem is not None:
            raise ImageError(source, header.problem, "restore the file")
        frames = _read_frames(name)
        if frames and max(frames) >= len(header.planes):
            raise ImageError(source, "has fewer frames than before", "run again")
        for plane in [header.planes[frame] for frame in frames] if frames else header.planes:
            planes.append(plane)
            greys.append(read_grey(dataset, plane))
    geometry = arrange(planes)
    place = planes[0].source
    if len({grey.pixels.shape for grey in greys}) > 1:
        raise ImageError(place, "its series holds slices of several sizes", "split the series")
    stack = np.stack([greys[index].pixels for index in geometry.order], axis=-1)  # rows, columns, slices
    padding = [greys[index].padding for index in geometry.order]
    if any(one is not None for one in padding):
        nothing = np.zeros(stack.shape[:2], bool)
        fill_padding(stack, np.stack([nothing if one is None else one for one in padding], axis=-1), place)
    remarks: list[tuple[Literal["intensity", "geometry"], str]] = [
        ("intensity", said) for said in dict.fromkeys(said for grey in greys for said in grey.remarks)
    ]
    windows = [grey.window for grey in greys]
    del greys
    if not np.isfinite(stack).all():
        raise ImageError(place, "holds NaN or infinite voxels", "restore the series")
    if geometry.shifts is not None:
        stack = unshear(stack, geometry.shifts, geometry.lengths)
    array, grid = turned(stack, geometry, place)
    if array.min() == array.max():
        raise ImageError(place, f"is constant: every voxel is {array.flat[0]:g}", "restore the series")
    remarks += [("geometry", said) for said in geometry.remarks]
    frame_of_reference = text(planes[0].values, "FrameOfReferenceUID")
    return Read(array, grid, frame_of_reference, _median(windows), tuple(remarks))


def remarks_of(read: Read, source: str, record: Record) -> tuple[Remark, ...]:
    """Return what is in doubt of a stack as remarks on its subject."""
    return tuple(Remark(kind, source, record.subject_id, said) for kind, said in read.remarks)


def _median(windows: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    stated = [window for window in windows if window is not None]
    if len(stated) < len(windows):
        return None
    low, high = (float(value) for value in np.median(np.array(stated), axis=0))
    return low, high


def _written(frames: Sequence[int]) -> str:
    """Write places in short: 0-24,30."""
    ranges: list[list[int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1][1] = frame
        else:
            ranges.append([frame, frame])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)


def _read_frames(name: str) -> list[int]:
    """Return the frames that the name of a file holds; none for a file of one image."""
    _, _, written = name.partition("@")
    found: list[int] = []
    for one in written.split(",") if written else ():
        low, _, high = one.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found
