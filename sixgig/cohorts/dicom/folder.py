"""What lies below a folder: images with their subjects, and everything else with the reason why it is not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sixgig.cohorts.base import Rejection, Remark
from sixgig.cohorts.dicom.files import SUFFIXES, files_below, looks_like_dicom
from sixgig.cohorts.dicom.headers import Header, read_header
from sixgig.cohorts.dicom.kinds import no_image, said_of
from sixgig.cohorts.dicom.subjects import Subjects
from sixgig.cohorts.dicom.values import text
from sixgig.cohorts.faults import passing_fault
from sixgig.errors import ImageError
from sixgig.runtime.digests import file_sha256


@dataclass
class Folder:
    """What was found.

    Attributes:
        images: Subject and header of every image, in the order of their paths.
        rejections: Files that should be images and cannot be read.
        remarks: Files that are none.
    """

    images: list[tuple[str, Header]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def scan(
    root: Path, subjects: Subjects, wanted: Sequence[str | int], takes: Callable[[str], bool] = lambda _: True
) -> Folder:
    """Read the header of every DICOM file below a folder; of others their first bytes.

    Args:
        root: The folder.
        subjects: The rule that gives each file its subject.
        wanted: Tags to read besides the usual ones.
        takes: Says of the path of a file whether it belongs to the cohort.
    """
    found = Folder()
    broken: list[tuple[str, str]] = []
    unreachable: set[str] = set()
    for path in files_below(root):
        source = path.relative_to(root).as_posix()
        if not takes(source):
            continue
        try:
            if not looks_like_dicom(path):
                if path.suffix.lower() in SUFFIXES:
                    broken.append(
                        (source, "does not begin as a DICOM file does" if path.stat().st_size else "is empty")
                    )
                else:
                    found.remarks.append(Remark("not read", source, None, "is no DICOM file"))
                continue
            header = read_header(path, source, wanted)
        except ImageError as error:
            broken.append((source, error.reason))
            continue
        except OSError as error:
            broken.append((source, f"cannot be read: {error.strerror or error}"))
            if passing_fault(error):
                unreachable.add(source)
            continue
        what = no_image(header.values)
        subject = subjects.of(header)
        if what is not None:
            found.remarks.append(Remark("not read", source, subject, said_of(what)))
        elif subject is None:
            found.rejections.append(Rejection(source, None, "subject_pattern finds no subject in its path"))
        else:
            found.images.append((subject, header))
    _drop_copies(root, found)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for subject, header in found.images:
        neighbours[str(PurePosixPath(header.source).parent)].add(subject)
    for source, reason in broken:
        # A damaged slice is its patient's, where the folder is one patient's.
        near = neighbours[str(PurePosixPath(source).parent)]
        found.rejections.append(
            Rejection(source, next(iter(near)) if len(near) == 1 else None, reason, source in unreachable)
        )
    return found


def _drop_copies(root: Path, found: Folder) -> None:
    """Leave out files that are in the folder twice: the same instance, byte for byte."""
    first: dict[tuple[object, ...], Header] = {}
    kept = []
    for subject, header in found.images:
        instance = text(header.values, "SOPInstanceUID")
        key = (subject, instance, header.values.get("ImagePositionPatient"))
        known = first.setdefault(key, header) if instance else header
        if known is not header and _same_bytes(root / known.source, root / header.source):
            reason = "is a copy, byte for byte, of another file of its subject, and was left out"
            found.remarks.append(Remark("not read", header.source, subject, reason))
        else:
            kept.append((subject, header))
    found.images[:] = kept


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and file_sha256(one) == file_sha256(other)
    except OSError:  # it will be missed when it is read
        return False
