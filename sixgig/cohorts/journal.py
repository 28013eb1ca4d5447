"""What preparation has finished so far: arrays that grow, and a line for each subject, so that a killed run goes on."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sixgig.cohorts.array_stream import ArrayStream
from sixgig.cohorts.base import Record, Rejection
from sixgig.cohorts.subject import PreparedSubject
from sixgig.digests import settings_digest
from sixgig.errors import CohortError

#: Seconds between two moments at which what was prepared is put safely on the disk.
_SYNC_EVERY = 2.0
_IMAGES, _VOLUMES, _LINES = "images.npy", "volumes.npy", "journal.jsonl"


class Journal:
    """The arrays of a cohort in the making, with a line of text for each subject that is in them.

    Lines are written after the rows that they speak of have reached the disk. On opening, lines are believed as long as
    they are about the same subjects, with the same input files, in the same order; the arrays are cut to that length.

    Args:
        folder: Where the files grow; one folder for one way of preparing.
        records: All subjects, in order.
        image_row: Shape of a row of images.npy (uint8).
        volume_row: Shape of a row of volumes.npy (float16).

    Attributes:
        rows: Rows of manifest.csv so far.
        rejections: One for each subject that was read and cannot be used.
        n_done: Subjects behind them.
    """

    def __init__(
        self, folder: Path, records: Sequence[Record], image_row: tuple[int, ...], volume_row: tuple[int, ...]
    ) -> None:
        self._folder, self._records = folder, records
        self.rows: list[dict[str, Any]] = []
        self.rejections: list[Rejection] = []
        self.n_done = 0
        folder.mkdir(parents=True, exist_ok=True)
        lines, n_volumes = self._replay()
        try:
            self.images = ArrayStream(folder / _IMAGES, image_row, np.uint8, keep=len(self.rows))
            self.volumes = ArrayStream(folder / _VOLUMES, volume_row, np.float16, keep=n_volumes)
        except ValueError:  # the arrays are not what the lines say: nothing can be kept
            self.rows, self.rejections, self.n_done, lines = [], [], 0, []
            self.images = ArrayStream(folder / _IMAGES, image_row, np.uint8)
            self.volumes = ArrayStream(folder / _VOLUMES, volume_row, np.float16)
        self._n_kept = self.n_done
        (folder / _LINES).write_text("".join(lines), encoding="utf-8")
        self._text = (folder / _LINES).open("a", encoding="utf-8")
        self._pending: list[str] = []
        self._synced = time.monotonic()

    @property
    def n_resumed(self) -> int:
        """Subjects that an earlier run prepared."""
        return self._n_kept

    def add(self, result: PreparedSubject | Rejection) -> None:
        """Take in the next subject."""
        line: dict[str, Any] = {"subject": _fingerprint(self._records[self.n_done])}
        if isinstance(result, Rejection):
            self.rejections.append(result)
            line["rejection"] = asdict(result)
        else:
            self.rows += result.rows
            self.images.append(np.stack(result.images))
            if result.volumes:
                self.volumes.append(np.stack(result.volumes))
            line |= {"rows": result.rows, "volumes": len(result.volumes)}
        self.n_done += 1
        self._pending.append(json.dumps(line) + "\n")
        if time.monotonic() - self._synced >= _SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Put everything on the disk: first the arrays, then the lines about them."""
        self.images.sync()
        self.volumes.sync()
        self._text.writelines(self._pending)
        self._text.flush()
        os.fsync(self._text.fileno())
        self._pending.clear()
        self._synced = time.monotonic()

    def finish(self, output: Path) -> None:
        """Move the arrays to their final names in ``output``, and forget the journal."""
        self.sync()
        for stream, name in ((self.images, _IMAGES), (self.volumes, _VOLUMES)):
            stream.close()
            os.replace(self._folder / name, output / name)
        self._text.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._text.closed:
            return
        try:
            if error is None or not isinstance(error, OSError):
                self.sync()
        finally:
            self.images.close()
            self.volumes.close()
            self._text.close()

    def _replay(self) -> tuple[list[str], int]:
        """Believe the lines of an earlier run; return them, and the number of volumes behind them."""
        path = self._folder / _LINES
        kept: list[str] = []
        n_volumes = 0
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line, record in zip(text.splitlines(keepends=True), self._records, strict=False):
            try:
                entry = json.loads(line)
            except ValueError:  # the run was killed while it wrote this line
                break
            if not line.endswith("\n") or entry["subject"] != _fingerprint(record):
                break
            if "rejection" in entry:
                self.rejections.append(Rejection(**entry["rejection"]))
            else:
                self.rows += entry["rows"]
                n_volumes += entry["volumes"]
            kept.append(line)
            self.n_done += 1
        return kept, n_volumes


def writing_failed(error: OSError, folder: Path) -> CohortError:
    """Return the error that tells a user about a full or read-only disk."""
    return CohortError(
        folder,
        f"cannot be written: {error.strerror or error}",
        "free space or correct the permissions, and run again: the subjects prepared so far are kept",
    )


def _fingerprint(record: Record) -> str:
    """Identify a subject by what it is and by size and time of its files."""
    files = []
    for item in record.items:
        for source in item.files.values():
            path = record.root / source.partition("@")[0]
            try:
                status = path.stat()
                files.append([source, status.st_size, status.st_mtime_ns])
            except OSError:  # inside an archive, which is the cohort's root
                files.append([source])
    root = record.root.stat() if record.root.is_file() else None
    return settings_digest(
        {
            "subject": record.subject_id,
            "label": record.label,
            "official": record.official,
            "items": [[item.item_id, item.frame] for item in record.items],
            "files": files,
            "root": [root.st_size, root.st_mtime_ns] if root else None,
        }
    )
