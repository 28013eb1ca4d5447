"""From the planes of a series to stacks: slices of one size and direction, each place once, which make one volume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sixgig.cohorts.dicom.headers import REPEATS, Plane
from sixgig.cohorts.dicom.values import number, text

FEWEST_SLICES = 4
#: Largest difference of direction cosines within a stack.
_SAME_DIRECTION = 1e-3
#: Heights closer than this, in mm, are the same place.
_SAME_PLACE = 0.01
#: Slices in more directions than this, further apart than a quarter of a right angle, make a localizer.
_DIRECTIONS_OF_A_LOCALIZER = 3
_NAMES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Stack:
    """Slices that make one volume.

    Attributes:
        planes: The slices, in no order.
        apart: What tells it from the other stacks of its series, such as ``EchoTime 80``.
        directions: How many directions the slices of its series have.
    """

    planes: tuple[Plane, ...]
    apart: tuple[str, ...]
    directions: int

    @property
    def first(self) -> Plane:
        """Its first plane, by file name."""
        return self.planes[0]

    @property
    def n_places(self) -> int:
        """How many places its slices lie in; fewer than slices when it is a series in time that nothing tells apart."""
        return len(_places(self.planes))

    @property
    def files(self) -> set[str]:
        """The files that hold it."""
        return {plane.source for plane in self.planes}

    @property
    def kind(self) -> tuple[str, ...]:
        """What it is: two stacks that differ in it are not to be compared. Modality, name, direction, what is apart."""
        values = self.first.values
        name = next((text(values, tag) for tag in ("SeriesDescription", "ProtocolName") if text(values, tag)), "")
        if not name:
            tags = ("SequenceName", "EchoTime", "RepetitionTime", "ConvolutionKernel")
            name = ", ".join(f"{tag} {text(values, tag)}" for tag in tags if text(values, tag))
        return (self.first.modality, " ".join(name.split()), direction_of(self.first), *self.apart)


def direction_of(plane: Plane) -> str:
    """Return which plane of the body a slice lies in, nearly: axial, sagittal, coronal, or nothing when unknown."""
    found = plane.orientation
    if found is None:
        return ""
    normal = np.cross(found[:3], found[3:])
    return _NAMES[int(np.abs(normal).argmax())]


def heights_of(planes: Sequence[Plane]) -> list[float]:
    """Return where slices of one direction lie along their normal, in mm."""
    orientation = planes[0].orientation
    assert orientation is not None  # planes without one never come here
    normal = np.cross(orientation[:3], orientation[3:])
    return [float(np.dot(normal, plane.position or (0, 0, 0))) for plane in planes]


def split(planes: Iterable[Plane]) -> list[Stack]:
    """Take a series apart into stacks of one size and direction, in the order in which they begin."""
    groups: list[tuple[tuple[object, ...], np.ndarray, list[Plane]]] = []
    for plane in planes:
        orientation = np.asarray(plane.orientation)
        key = (plane.size, tuple(round(length, 4) for length in plane.spacing[0]))
        for known, directions, members in groups:
            if known == key and np.abs(orientation - directions).max() <= _SAME_DIRECTION:
                members.append(plane)
                break
        else:
            groups.append((key, orientation, [plane]))
    n_directions = _count_directions([directions for _, directions, _ in groups])
    return [
        Stack(tuple(members), apart, n_directions)
        for _, _, together in groups
        for apart, members in _once_each(together, ())
    ]


def _count_directions(directions: Sequence[np.ndarray]) -> int:
    """Count directions of normals that are further apart than 22.5 degrees."""
    apart: list[np.ndarray] = []
    for one in directions:
        normal = np.cross(one[:3], one[3:])
        if all(abs(float(normal @ other)) < np.cos(np.pi / 8) for other in apart):
            apart.append(normal)
    return len(apart)


def is_localizer(stack: Stack) -> bool:
    """Whether a stack is of a series in three directions."""
    return stack.directions >= _DIRECTIONS_OF_A_LOCALIZER


def _once_each(planes: list[Plane], apart: tuple[str, ...]) -> list[tuple[tuple[str, ...], list[Plane]]]:
    """Split slices by the tags that differ where places repeat, until every place is there once or no tag is left."""
    places = _places(planes)
    if len(places) == len(planes) or len(places) < FEWEST_SLICES:
        return [(apart, planes)]
    for tag in REPEATS:
        if any(said.startswith(f"{tag} ") for said in apart):
            continue
        groups: dict[str, list[Plane]] = defaultdict(list)
        for plane in planes:
            groups["\\".join(plane.values.get(tag, ("none",)))].append(plane)
        # A tag that only counts slices or the time of each is none that tells volumes apart.
        if len(groups) < 2 or any(len(_places(group)) < len(places) / 2 for group in groups.values()):
            continue
        ordered = sorted(groups.items(), key=lambda one: (number({tag: (one[0],)}, tag) or 0.0, one[0]))
        return [found for value, group in ordered for found in _once_each(group, (*apart, f"{tag} {value}"))]
    return [(apart, planes)]


def _places(planes: Sequence[Plane]) -> list[float]:
    """Return the distinct heights of slices."""
    heights = sorted(heights_of(planes))
    return [height for i, height in enumerate(heights) if i == 0 or height - heights[i - 1] > _SAME_PLACE]
