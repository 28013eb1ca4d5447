"""Subjects are found in the names of folders and files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options

#: After cohorts whose folders have names of their own, and after DICOM: it may be a folder for each patient.
RANK = 2
_IN_SUBFOLDER = "^([^/]+)/"
_BEFORE_LAST_NUMBER = r"^(.+?)[_-][^_-]+\.\w+$"


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    found = kind().discover(source)
    below = [PurePosixPath(item.files["image"]) for record in found.records for item in record.items]
    classes_at = 2 if any(record.official for record in found.records) else 1
    if all(len(path.parts) > classes_at + 1 for path in below):
        note = "each folder below a class's folder counts as one subject: is it a patient?"
        return [({"subject_pattern": _IN_SUBFOLDER}, [note])]
    note = "every image counts as a subject. If patients have several images, set `subject_pattern`: else images of one"
    note += " patient are in training and in test"
    grouped = kind(options={"subject_pattern": _BEFORE_LAST_NUMBER}).discover(source)
    if not grouped.rejections and 2 * len({record.label for record in found.records}) < len(grouped.records) < len(
        below
    ):
        example = grouped.records[0].subject_id
        note += f". The pattern '{_BEFORE_LAST_NUMBER}' would give {len(grouped.records)} subjects, such as {example}"
    return [({}, [note])]
