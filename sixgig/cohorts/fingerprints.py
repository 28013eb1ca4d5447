"""Whether a subject is still the one that was prepared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sixgig.cohorts.base import Record
from sixgig.cohorts.stored import matrix_beside, other_half
from sixgig.runtime.digests import settings_digest


def fingerprint(record: Record) -> str:
    """Identify a subject by its items and by size and time of their files.

    Classes and official sets do not count: they change no pixel, and are taken from the record when rows are written.
    """
    files = [
        [source, *_state(path)]
        for item in record.items
        for source in item.files.values()
        for path in files_of(record.root, source)
    ]
    return settings_digest(
        {
            "subject": record.subject_id,
            "items": [[item.item_id, item.frame, sorted(item.files)] for item in record.items],
            "files": files,
            "root": _state(record.root) if record.root.is_file() else None,
        }
    )


def files_of(root: Path, source: str) -> Iterator[Path]:
    """Yield the file that an item names (a frame of a 4D file is ``file@number``), its other half, and SPM's matrix."""
    path = root / source
    if not path.exists():
        path = root / source.rpartition("@")[0]
    yield path
    other = other_half(path)
    if other is not None:
        yield other
        if matrix_beside(path).is_file():
            yield matrix_beside(path)


def _state(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:  # a member of an archive that is the cohort's root, or a file that is gone
        return []
    return [status.st_size, status.st_mtime_ns]
