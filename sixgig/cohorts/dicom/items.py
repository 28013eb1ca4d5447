"""What the subjects of a folder bring to a cohort: volumes, volumes of several channels, or pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sixgig.cohorts.base import Item, Rejection, Remark
from sixgig.cohorts.dicom.candidates import LEFT_OUT, find, is_selected
from sixgig.cohorts.dicom.choosing import ASK, choose
from sixgig.cohorts.dicom.headers import Header
from sixgig.cohorts.dicom.selecting import Selection
from sixgig.cohorts.dicom.stacks import Stack
from sixgig.cohorts.dicom.values import text
from sixgig.cohorts.dicom.volume import files_of
from sixgig.errors import CohortError

_SHOWN = 8
#: Beginnings of tags whose values name people, and are not repeated.
_PERSONAL = ("Patient", "OtherPatient", "Physician", "Referring", "Operator", "Performing", "0010,")
Images = Sequence[tuple[str, Header]]


@dataclass
class Found:
    """Items of each subject, and what became of the rest."""

    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def check_selection(images: Images, selection: Selection, root: object) -> None:
    """Check that something is selected.

    Raises:
        CohortError: Nothing is; the message shows what there is.
    """
    planes = [plane for _, header in images for plane in header.planes]
    if not selection or not planes or any(is_selected(plane, selection) for plane in planes):
        return
    shown = []
    for tag in selection.names:
        counts = Counter("\\".join(plane.values.get(tag, ("(none)",))) for plane in planes)
        if tag.startswith(_PERSONAL):
            shown.append(f"{tag} has {len(counts)} values")
            continue
        values = ", ".join(f"{value} ({number})" for value, number in counts.most_common(_SHOWN))
        more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
        shown.append(f"{tag} is {values}{more}")
    raise CohortError(
        root, f"select leaves none of {len(planes)} images: {'; '.join(shown)}", "correct select in the study file"
    )


def volumes(images: Images, selection: Selection, how: str, root: object) -> Found:
    """Return a volume for each series that is chosen.

    Raises:
        CohortError: See :func:`sixgig.cohorts.dicom.choosing.choose`; or there are pictures alone.
    """
    candidates = find(images, selection)
    if candidates.are_pictures:
        reason = "holds pictures such as radiographs, each in a file of its own, and no series that makes a volume"
        raise CohortError(root, reason, "write dimensions: 2, and every file is an image")
    chosen, said = choose(candidates.stacks, how, root)
    found = Found({}, [*candidates.rejections, *candidates.lost()], [*candidates.remarks(), *said])
    for subject, stacks in chosen.items():
        names = [f"{subject}_{number}" for number in range(1, len(stacks) + 1)]
        found.items[subject] = tuple(Item(name, files_of(stack)) for name, stack in zip(names, stacks, strict=True))
    return found


def channels(images: Images, selection: Selection, roles: Mapping[str, Selection], root: object) -> Found:
    """Return one volume a subject, with one series for each channel.

    Raises:
        CohortError: A subject has several series for one channel.
    """
    found = Found()
    by_role: dict[str, dict[str, list[Stack]]] = {}
    for role, asked in roles.items():
        candidates = find(images, selection, asked)
        by_role[role], _ = choose(candidates.stacks, ASK, root, single=f"series for {role}")
        if not found.rejections:
            found.rejections += candidates.rejections
    files: dict[str, list[str]] = {}
    for subject, header in images:
        if header.problem is None:
            files.setdefault(subject, []).append(header.source)
    for subject, sources in sorted(files.items()):
        lacking = [role for role in roles if subject not in by_role[role]]
        if lacking:
            reason = f"its subject has no series for {', '.join(lacking)}"
            found.rejections.append(Rejection(sources[0], subject, reason))
            found.remarks += [Remark("not read", source, subject, reason) for source in sources[1:]]
            continue
        chosen = {role: files_of(by_role[role][subject][0]) for role in roles}
        own = {f"{role}/{name}": source for role in roles for name, source in chosen[role].items()}
        found.items[subject] = (Item(f"{subject}_1", own),)
        left = [source for source in sources if source not in set(own.values())]
        found.remarks += [Remark("not read", source, subject, "is of a series that is no channel") for source in left]
    return found


def files_of_channel(files: Mapping[str, str], role: str) -> dict[str, str]:
    """Return the files of one channel, named as :func:`sixgig.cohorts.dicom.volume.read_stack` takes them."""
    return {name.rpartition("/")[2]: source for name, source in files.items() if name.rpartition("/")[0] == role}


def pictures(images: Images, selection: Selection, key: str) -> Found:
    """Return an image for each file that is selected; ``key`` is the name of an item's only file."""
    found = Found()
    own: dict[str, list[str]] = {}
    passed: dict[str, list[str]] = {}
    for subject, header in images:
        if not is_selected(header.planes[0], selection):
            passed.setdefault(subject, []).append(header.source)
        elif header.problem is not None or len(header.planes) > 1:
            frames = f"holds {text(header.values, 'NumberOfFrames')} frames, and an image is one"
            found.rejections.append(Rejection(header.source, subject, header.problem or frames))
        else:
            own.setdefault(subject, []).append(header.source)
    for subject, sources in passed.items():
        if subject not in own:
            found.rejections.append(Rejection(sources.pop(0), subject, LEFT_OUT))
        found.remarks += [Remark("not read", source, subject, LEFT_OUT) for source in sources]
    for subject, sources in own.items():
        found.items[subject] = tuple(
            Item(f"{subject}_{number}", {key: source}) for number, source in enumerate(sources, start=1)
        )
    return found
