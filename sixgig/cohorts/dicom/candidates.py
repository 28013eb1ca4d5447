"""Which series below a folder can be volumes, and why the others cannot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sixgig.cohorts.base import Rejection, Remark
from sixgig.cohorts.dicom.headers import Header, Plane
from sixgig.cohorts.dicom.kinds import is_picture, no_volume, unreadable
from sixgig.cohorts.dicom.selecting import PLANE, Selection
from sixgig.cohorts.dicom.stacks import FEWEST_SLICES, Stack, direction_of, is_localizer, split
from sixgig.cohorts.dicom.values import text

LEFT_OUT = "is left out by select"
PICTURE = "is a picture"


@dataclass
class Candidates:
    """Series of all subjects.

    Attributes:
        stacks: Subject -> stacks that can be volumes.
        passed: Subject -> files and reason of what cannot.
        rejections: Files that are damaged.
    """

    stacks: dict[str, list[Stack]] = field(default_factory=dict)
    passed: dict[str, list[tuple[list[str], str]]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def are_pictures(self) -> bool:
        """Whether there is nothing but radiographs and the like."""
        reasons = [reason for passed in self.passed.values() for _, reason in passed]
        return not self.stacks and bool(reasons) and all(reason.startswith(PICTURE) for reason in reasons)

    def remarks(self) -> list[Remark]:
        """Return every file that was passed over, but for those that stand in :meth:`lost`.

        A file of which some frames are read is none.
        """
        used = {plane.source for stacks in self.stacks.values() for stack in stacks for plane in stack.planes}
        return [
            Remark("not read", file, subject, reason)
            for subject, passed in self.passed.items()
            for files, reason in passed
            for file in files
            if file not in used and (subject in self.stacks or file != passed[0][0][0])
        ]

    def lost(self) -> list[Rejection]:
        """Return the subjects of which nothing is left."""
        return [
            Rejection(passed[0][0][0], subject, "; ".join(dict.fromkeys(reason for _, reason in passed)))
            for subject, passed in sorted(self.passed.items())
            if subject not in self.stacks
        ]


def find(images: Iterable[tuple[str, Header]], selection: Selection, role: Selection | None = None) -> Candidates:
    """Take images apart into series and stacks.

    Args:
        images: Subject and header of every image.
        selection: What the study file asks for.
        role: What it asks of the series for one channel, besides.
    """
    found = Candidates()
    series: dict[tuple[str, ...], list[Plane]] = defaultdict(list)
    for subject, header in images:
        if header.problem is not None and is_selected(header.planes[0], selection):
            found.rejections.append(Rejection(header.source, subject, header.problem))
            continue
        for plane in header.planes if header.problem is None else ():
            series[subject, _series(plane), plane.modality, text(plane.values, "SeriesDescription")].append(plane)
    named = selection.names_series or (role is not None and role.names_series)
    for (subject, *_), planes in sorted(series.items()):
        groups: dict[str, list[Plane]] = defaultdict(list)
        for plane in planes:
            groups[_reason(plane, selection, role, named)].append(plane)
        good = groups.pop("", [])
        for stack in split(good):
            reason = _too_little(stack, named)
            if reason:
                groups[reason] += stack.planes
            else:
                found.stacks.setdefault(subject, []).append(stack)
        for reason, left in groups.items():
            files = list(dict.fromkeys(plane.source for plane in left))
            found.passed.setdefault(subject, []).append((files, reason))
    return found


def is_selected(plane: Plane, *selections: Selection | None) -> bool:
    """Whether all conditions hold for a plane."""
    asked = [selection for selection in selections if selection]
    values = plane.values
    if any(PLANE in selection.names for selection in asked):
        values = {**values, PLANE: (direction_of(plane),)}
    return all(selection.holds(values) for selection in asked)


def _series(plane: Plane) -> str:
    folder = plane.source.rpartition("/")[0]
    return text(plane.values, "SeriesInstanceUID") or folder


def _reason(plane: Plane, selection: Selection, role: Selection | None, named: bool) -> str:
    """Return why a plane is no slice of a volume; empty when it is one."""
    if not is_selected(plane, selection):
        return LEFT_OUT
    if role is not None and not is_selected(plane, role):
        return "is of no series that is asked for"
    what = None if named else no_volume(plane.values)
    if what is not None:
        return f"is {what}, no slice of a volume"
    problem = unreadable(plane.values)
    if problem is not None:
        return problem
    if plane.position is None or plane.orientation is None:
        if is_picture(plane.values):
            return f"{PICTURE} ({plane.modality}), which has no place in a volume: read pictures with dimensions: 2"
        return "has no position or direction (ImagePositionPatient, ImageOrientationPatient)"
    return ""


def _too_little(stack: Stack, named: bool) -> str:
    """Return why a stack is no volume; empty when it is one."""
    if is_localizer(stack) and not named:
        return f"is a localizer: its series has slices in {stack.directions} directions"
    if len(stack.planes) < FEWEST_SLICES:
        return f"its series has {len(stack.planes)} of the {FEWEST_SLICES} slices that a volume needs"
    if stack.n_places < FEWEST_SLICES:
        found = f"{len(stack.planes)} images of {stack.n_places} place{'s' if stack.n_places > 1 else ''}"
        return f"its series has {found}, as one in time has; a volume needs {FEWEST_SLICES} places"
    return ""
