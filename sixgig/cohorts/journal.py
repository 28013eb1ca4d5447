"""What preparation has finished so far, so that a killed run can continue: growing arrays, and a line per subject."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.array_files import put_in_place, unlink_twin, writing
from sixgig.cohorts.array_stream import ArrayStream, stored_rows
from sixgig.cohorts.base import Record, Rejection, Remark
from sixgig.cohorts.fingerprints import fingerprint
from sixgig.cohorts.journal_lines import NOBODY, Entry, labelled, line_of, read_line, rows_sha256, subject_of
from sixgig.cohorts.subject import PreparedSubject
from sixgig.runtime.atomic import write_text
from sixgig.runtime.checkpoints import drop

#: Seconds between two moments at which what was prepared is put safely on the disk.
_SYNC_EVERY = 2.0
#: Files of a journal: the arrays, and a line per subject.
IMAGES, VOLUMES, LINES = "images.npy", "volumes.npy", "journal.jsonl"
_ORDERED = "ordered-"
#: Shape of a row and type of each array by the name of its file.
_Arrays = dict[str, tuple[tuple[int, ...], npt.DTypeLike]]
_log = logging.getLogger(__name__)


class Journal:
    """The unfinished arrays of a cohort, with a line of text for each subject that is in them.

    A line is written after the rows that it describes have reached the disk. On opening, a subject counts as done when
    there is a line about it and its input files are what they were. Lines and rows of any other subject (one that has
    changed, or that is no longer in the cohort) are removed then: consent may have been withdrawn. After that the
    arrays only grow, until :meth:`publish` puts the rows of all subjects into their order.

    Args:
        folder: Where the files grow; one folder for one way of preparing.
        records: All subjects, in order.
        image_row: Shape of a row of images.npy (uint8).
        volume_row: Shape of a row of volumes.npy (float16).

    Attributes:
        n_kept: Subjects that an earlier run prepared.

    Raises:
        CohortError: The folder cannot be written to; every method may raise this.
    """

    def __init__(
        self, folder: Path, records: Sequence[Record], image_row: tuple[int, ...], volume_row: tuple[int, ...]
    ) -> None:
        self._folder, self._records = folder, records
        self._subjects = [fingerprint(record) for record in records]
        self._entries: dict[str, Entry] = {}
        self._n_images = self._n_volumes = 0
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in (IMAGES, VOLUMES):
                unlink_twin(folder / name)
                (folder / f"{_ORDERED}{name}").unlink(missing_ok=True)
            arrays: _Arrays = {IMAGES: (image_row, np.uint8), VOLUMES: (volume_row, np.float16)}
            lines = self._replay(arrays)
            try:
                lines = self._compact(lines, arrays)
                self._images = ArrayStream(folder / IMAGES, image_row, np.uint8, keep=self._n_images)
                self._volumes = ArrayStream(folder / VOLUMES, volume_row, np.float16, keep=self._n_volumes)
            except ValueError:  # the arrays do not match the lines: nothing can be kept
                lines = []
                self._forget()
                self._images = ArrayStream(folder / IMAGES, image_row, np.uint8)
                self._volumes = ArrayStream(folder / VOLUMES, volume_row, np.float16)
            (folder / LINES).write_text("".join(lines), encoding="utf-8")
            self._text = (folder / LINES).open("a", encoding="utf-8")
        self.n_kept = len(self._entries)
        self._pending: list[str] = []
        self._synced = time.monotonic()

    @property
    def n_done(self) -> int:
        """Subjects that have a line."""
        return len(self._entries)

    def holds(self, index: int) -> bool:
        """Whether the subject with this index is done."""
        return self._subjects[index] in self._entries

    def is_lost(self, index: int) -> bool:
        """Whether nothing of a subject that is done can be used."""
        return not self._entries[self._subjects[index]].rows

    def rejections(self, index: int) -> list[Rejection]:
        """Return what cannot be used of a subject that is done."""
        return self._entries[self._subjects[index]].rejections

    def remarks(self, index: int) -> list[Remark]:
        """Return what is to be known of a subject that is done."""
        return self._entries[self._subjects[index]].remarks

    def add(self, index: int, result: PreparedSubject) -> None:
        """Add a subject that is not done yet; one that could not be reached is forgotten when the run ends."""
        with writing(self._folder):
            images = np.stack(result.images).astype(np.uint8, copy=False) if result.images else None
            volumes = np.stack(result.volumes).astype(np.float16, copy=False) if result.volumes else None
            if images is not None:
                self._images.append(images)
            if volumes is not None:
                self._volumes.append(volumes)
            entry = Entry(
                result.rows, result.item_ids, result.rejections, result.remarks, self._n_images, self._n_volumes,
                len(result.volumes), rows_sha256(*(array for array in (images, volumes) if array is not None)),
            )  # fmt: skip
            passing = any(rejection.passing for rejection in result.rejections)
            self._pending.append(line_of(NOBODY if passing else self._subjects[index], entry))
            self._enter(self._subjects[index], entry)
            if time.monotonic() - self._synced >= _SYNC_EVERY:
                self.sync()

    def sync(self) -> None:
        """Put everything on the disk: first the arrays, then the lines about them."""
        self._images.sync()
        self._volumes.sync()
        self._text.writelines(self._pending)
        self._text.flush()
        os.fsync(self._text.fileno())
        self._pending.clear()
        self._synced = time.monotonic()

    def publish(self, output: Path, kept: Sequence[bool] | None = None) -> tuple[list[dict[str, Any]], int]:
        """Give the arrays their final names in ``output``, with the rows of all subjects in order.

        The journal stays, so that nothing is lost when something that comes after fails. Nothing can be added any more.

        Args:
            output: Folder to write to.
            kept: For each image in order, whether it is published; all are when None. A subject with volumes is
                published whole or not at all.

        Returns:
            The rows of manifest.csv, and the bytes of both arrays.
        """
        entries = [self._entries[name] for name in self._subjects]
        left = iter([True] * sum(len(entry.rows) for entry in entries) if kept is None else kept)
        rows: list[dict[str, Any]] = []
        images: list[tuple[int, int]] = []
        volumes: list[tuple[int, int]] = []
        for entry, record in zip(entries, self._records, strict=True):
            stays = [place for place in range(len(entry.rows)) if next(left)]
            own = labelled(entry, record)
            rows += [own[place] for place in stays]
            images += _runs(entry.image, stays)
            if entry.n_volumes and stays:
                volumes.append((entry.volume, entry.n_volumes))
        n_bytes = 0
        with writing(output):
            if not self._images.closed:
                self.sync()
            output.mkdir(parents=True, exist_ok=True)
            for stream, name, spans in ((self._images, IMAGES, images), (self._volumes, VOLUMES, volumes)):
                stream.close()
                ordered = self._folder / f"{_ORDERED}{name}"
                ordered.unlink(missing_ok=True)  # the published file may be this one, under a second name
                source, size = stream.in_order(spans, ordered)
                put_in_place(source, output / name)
                n_bytes += size
        return rows, n_bytes

    def keep(self, output: Path) -> None:
        """Keep what was published whole as the journal of the next preparation, which reads only what has changed.

        The arrays get a second name each, so that they take no more room; where the file system has no second names,
        nothing is kept.
        """
        entries = [self._entries[name] for name in self._subjects]
        with writing(self._folder):
            (self._folder / LINES).write_text("", encoding="utf-8")  # no row is believed until all is in its place
            for name in (IMAGES, VOLUMES):
                (self._folder / name).unlink(missing_ok=True)
                (self._folder / f"{_ORDERED}{name}").unlink(missing_ok=True)
                try:
                    os.link(output / name, self._folder / name)
                except OSError:
                    drop(self._folder)
                    return
            pairs = zip(self._subjects, entries, strict=True)
            # What was left out is looked at again by the next preparation: a decoder may have been installed.
            lines = (line_of(NOBODY if entry.rejections else name, entry) for name, entry in pairs)
            write_text(self._folder / LINES, "".join(lines))

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as stack:
            if error is not None:  # the user needs to see the first error
                stack.enter_context(contextlib.suppress(OSError))
            for file in (self._text, self._volumes, self._images):
                stack.callback(file.close)
            if not self._images.closed:
                self.sync()

    def _replay(self, arrays: _Arrays) -> list[str]:
        """Read what an earlier run wrote, up to where it was killed; return its lines.

        A subject whose rows are not what was written is prepared again: its line becomes one about nobody.
        """
        path = self._folder / LINES
        lines: list[str] = []
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines(keepends=True):
            try:
                if not line.endswith("\n"):
                    break
                subject, entry = self._read(line)
            except (ValueError, KeyError, TypeError):  # the run was killed while it wrote this line, or it is damaged
                break
            if subject != NOBODY and not self._intact(entry, arrays):
                _log.warning("rows in %s have changed since they were written: a subject is read again", self._folder)
                subject, line = NOBODY, line_of(NOBODY, entry)
            self._enter(subject, entry)
            lines.append(line)
        return lines

    def _intact(self, entry: Entry, arrays: _Arrays) -> bool:
        spans = {IMAGES: (entry.image, len(entry.rows)), VOLUMES: (entry.volume, entry.n_volumes)}
        try:
            rows = [stored_rows(self._folder / name, *arrays[name], *span) for name, span in spans.items()]
        except (OSError, ValueError):
            return False
        return rows_sha256(*rows) == entry.sha256

    def _compact(self, lines: list[str], arrays: _Arrays) -> list[str]:
        """Take out the lines and the rows of all subjects but those of the cohort; return the lines that stay.

        Raises:
            ValueError: The arrays do not hold the rows that the lines speak of.
        """
        wanted = set(self._subjects)
        last = {subject_of(line): line for line in lines}
        kept = [line for name, line in last.items() if name in wanted]
        if len(kept) == len(lines):
            return lines
        entries = [self._entries[subject_of(line)] for line in kept]
        spans = {
            IMAGES: ([(entry.image, len(entry.rows)) for entry in entries if entry.rows], self._n_images),
            VOLUMES: ([(entry.volume, entry.n_volumes) for entry in entries if entry.n_volumes], self._n_volumes),
        }
        # Without a line no row is believed, should this be broken off between the two arrays.
        (self._folder / LINES).write_text("", encoding="utf-8")
        for name, (row, dtype) in arrays.items():
            stream = ArrayStream(self._folder / name, row, dtype, keep=spans[name][1])
            stream.close()
            source, _ = stream.in_order(spans[name][0], self._folder / f"{_ORDERED}{name}")
            os.replace(source, self._folder / name)
        self._forget()
        for line in kept:
            self._enter(*self._read(line))
        return kept

    def _forget(self) -> None:
        self._entries = {}
        self._n_images = self._n_volumes = 0

    def _read(self, line: str) -> tuple[str, Entry]:
        return read_line(line, self._n_images, self._n_volumes)

    def _enter(self, subject: str, entry: Entry) -> None:
        self._entries[subject] = entry
        self._n_images += len(entry.rows)
        self._n_volumes += entry.n_volumes


def _runs(first: int, places: Sequence[int]) -> list[tuple[int, int]]:
    """Return first row and length of each run of neighbours among places counted from a row."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][0] + runs[-1][1] == first + place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((first + place, 1))
    return runs
