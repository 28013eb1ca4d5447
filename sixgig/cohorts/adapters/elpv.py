"""ELPV: electroluminescence images of solar cells, read from the published wheel without installing it.

Buerhop-Lutz et al., "A benchmark for visual identification of defective solar cells in electroluminescence imagery",
EU PVSEC 2018. 2,624 grey images of 300 x 300 pixels with a defect probability of 0, 1/3, 2/3 or 1.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from sixgig.cohorts.base import Adapter, Discovery, Image2D, Item, Record, Rejection
from sixgig.cohorts.images import decode_image
from sixgig.cohorts.npz_rows import ZIP_ERRORS
from sixgig.errors import CohortError, ImageError

_LABELS = "data/labels.csv"
_DEFECT_PROBABILITY = 0.5


@lru_cache(maxsize=1)
def _open_archive(path: str, size: int, modified: int) -> zipfile.ZipFile:
    """Open a wheel once per process: reading its directory of thousands of names takes longer than reading an image."""
    del size, modified  # part of the key, so that a replaced file is opened again
    return zipfile.ZipFile(path)


def _archive(root: Path) -> zipfile.ZipFile:
    status = os.stat(root)
    return _open_archive(str(root), status.st_size, status.st_mtime_ns)


class ElpvAdapter(Adapter):
    """Solar cells: class ``defect`` for a defect probability of at least 0.5, else ``functional``."""

    name = "elpv"
    title = "ELPV solar cells"
    dimensions = 2
    subject_note = "image-level split: no subject ids exist"
    layout = f"the elpv-dataset wheel (a .whl file that holds elpv_dataset/{_LABELS})"

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be the ELPV wheel."""
        if not root.exists():
            return [f"{root} does not exist"]
        if not root.is_file() or not zipfile.is_zipfile(root):
            return [f"{root} is not a wheel (a zip file)"]
        try:
            if self._labels_member(root) is None:
                return [f"{root} holds no {_LABELS}"]
        except ZIP_ERRORS as error:
            return [f"{root} is a damaged wheel: {error}"]
        return []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        archive = _archive(root)
        labels = self._labels_member(root)
        assert labels is not None  # require() looked for it
        folder = PurePosixPath(labels).parent
        try:
            lines = archive.read(labels).decode("utf-8").splitlines()
        except ZIP_ERRORS as error:
            raise CohortError(f"{root}:{labels}", f"cannot be read: {error}", "download the wheel again") from error
        members = set(archive.namelist())
        found = Discovery()
        seen: set[str] = set()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            member, label, problem = self._parse(line, folder)
            subject_id = PurePosixPath(member).stem if member else None
            if problem is None and member not in members:
                problem = f"listed in labels.csv line {number}, but not in the wheel"
            if problem is None and subject_id in seen:
                problem = f"listed twice, again in labels.csv line {number}"
            if problem is not None or subject_id is None or label is None:
                found.rejections.append(Rejection(member or f"{labels} line {number}", subject_id, problem or "empty"))
                continue
            seen.add(subject_id)
            found.records.append(Record(root, subject_id, label, (Item(subject_id, {"grey": member}),)))
        return found

    def subject_values(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the type of every module: mono or poly, the third column of labels.csv."""
        del names
        member = self._labels_member(root)
        assert member is not None  # missing() looked for it
        rows = [line.split() for line in _archive(root).read(member).decode("utf-8").splitlines()]
        return {PurePosixPath(row[0]).stem: {"type": row[2]} for row in rows if len(row) > 2}

    def read_item(self, record: Record, item: Item) -> Image2D:
        """Read one item of a subject."""
        archive = _archive(record.root)
        (member,) = item.files.values()
        try:
            data = archive.read(member)
        except ZIP_ERRORS as error:
            raise ImageError(member, f"cannot be read from the wheel: {error}", "download the wheel again") from error
        decoded = decode_image(io.BytesIO(data), member)
        return Image2D(decoded.array, item.item_id, member, decoded.remarks(member))

    @staticmethod
    def _labels_member(root: Path) -> str | None:
        return next((name for name in _archive(root).namelist() if name.endswith(_LABELS)), None)

    @staticmethod
    def _parse(line: str, folder: PurePosixPath) -> tuple[str, str | None, str | None]:
        """Return the member, its class, and what is wrong with the line (None when nothing is)."""
        words = line.split()
        member = str(folder / words[0])
        try:
            probability = float(words[1])
        except (IndexError, ValueError):
            return member, None, f"labels.csv has no defect probability in {line.strip()!r}"
        if not 0.0 <= probability <= 1.0:
            return member, None, f"labels.csv has the defect probability {words[1]}, which is not in 0 to 1"
        return member, "defect" if probability >= _DEFECT_PROBABILITY else "functional", None


ADAPTER = ElpvAdapter
