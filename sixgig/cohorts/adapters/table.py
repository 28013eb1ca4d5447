"""A cohort listed in a CSV: paths of images or of NIfTI volumes, and the class and subject of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from sixgig.cohorts import labels, patterns
from sixgig.cohorts.base import KEEP_THE_LABELS, Adapter, Discovery, Image2D, Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.csv_rows import Row, read_rows
from sixgig.cohorts.images import PICTURES, read_picture
from sixgig.cohorts.nifti import read_channels
from sixgig.cohorts.paths import FileFinder
from sixgig.errors import CohortError, ConfigError

_VOLUMES = (".nii", ".nii.gz", ".hdr", ".img")
_OFFICIAL = {"training": "training", "train": "training", "val": "training", "validation": "training", "test": "test"}
_FRAMES = ("ED", "ES")


class TableAdapter(Adapter):
    """Rows of a CSV: one image or one volume each, of one modality (``path``) or several (``paths``).

    Relative paths start at the CSV's folder. ``dimensions`` of the stanza says whether they are images (2) or volumes
    (3).
    """

    name = "table"
    title = "Table of files"
    option_keys = ("columns", "dimensions", "labels_of", *labels.KEYS, *patterns.KEYS)
    subject_note = "subjects are those of the table"
    layout = "a CSV with the columns that `columns` names, or a folder that holds one CSV"

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        given = dict(options or {})
        columns = dict(given.get("columns") or {})
        self.dimensions = cast(Literal[2, 3], given.get("dimensions", 2))
        if "paths" in columns and self.dimensions == 2:
            raise ConfigError("columns", "has `paths`, and images have one file each", "use `path`, or `dimensions: 3`")
        self._paths: dict[str, str] = columns.get("paths") or {"image": columns.get("path", "path")}
        if self.dimensions == 3:
            self.known_modalities = tuple(self._paths)
        self._subject, self._label = columns.get("subject", "subject_id"), columns.get("label", "label")
        self._frame, self._official = columns.get("frame"), columns.get("official")
        self._per_image = given.get("labels_of") == "image"
        self._cells = labels.ClassCells.of(given)
        super().__init__(modalities, given)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a table of files."""
        if not root.exists():
            return [f"{root} does not exist"]
        return [] if _csv(root) else [f"{root} is not a CSV file and does not hold exactly one"]

    def listed_files(self, root: Path) -> list[Path]:
        """Return the CSV and the files that it names; what else lies in its folder does not belong to the cohort."""
        path = _csv(root)
        if path is None:
            return []
        try:
            rows = read_rows(path, list(self._paths.values()))
        except CohortError:  # discover() says why
            return [path]
        finder = FileFinder(path.parent)
        cells = (row[column] for row in rows for column in self._paths.values() if row[column])
        named = (path.parent / (finder.find(cell) or cell) for cell in cells)
        return [path, *dict.fromkeys(named)]

    def label_files(self, root: Path) -> list[Path]:
        """Return the table itself."""
        path = _csv(root)
        return [path] if path else []

    def subject_values(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the columns of the table; where a subject's rows differ in what is asked for, that is an error."""
        path = _csv(root)
        assert path is not None  # missing() looked for it
        values: dict[str, Row] = {}
        for row in read_rows(path, (self._subject,)):
            first = values.setdefault(row[self._subject], row)
            other = next((name for name in names if first.get(name) != row.get(name)), None)
            if other is not None:
                raise CohortError(
                    path,
                    f"gives {row[self._subject]} the {other} {first[other]!r} (row {first.number}) and {row[other]!r} "
                    f"(row {row.number})",
                    "write one of the two in all rows of the subject",
                )
        return dict(values)

    def why_not_read(self, file: str) -> str | None:
        """Say why a file beside those of the table is not read, None when its name does not tell."""
        reason = super().why_not_read(file)
        return reason or ("the table does not name it" if file.lower().endswith((*PICTURES, *_VOLUMES)) else None)

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        path = _csv(root)
        assert path is not None  # require() looked for it
        rows = read_rows(path, self._needed())
        if not rows:
            raise CohortError(path, "has a header and no rows", "write one row for each image or volume")
        found = Discovery()
        rows = self._chosen(path, rows, found)
        self._cells.check(path, self._classes(path, rows, found))
        subjects: dict[str, list[Row]] = {}
        for row in self._once(path, rows, found):
            if row[self._subject].lower() in self._cells.missing:
                found.rejections.append(Rejection(f"{path.name} row {row.number}", None, "has no subject"))
            else:
                subjects.setdefault(row[self._subject], []).append(row)
        finder = FileFinder(path.parent)
        for subject_id, own in subjects.items():
            self._add_subject(path, subject_id, own, finder, found)
        return found

    def read_item(self, record: Record, item: Item) -> Volume | Image2D:
        """Read one picture, or the modalities of one volume."""
        if self.dimensions == 2:
            source = item.files["image"]
            return read_picture(record.root / source, source, item.item_id)
        sources = tuple(item.files[name] for name in self.modalities)
        return read_channels([record.root / source for source in sources]).volume(record, item, sources)

    def _needed(self) -> list[str]:
        """Return the columns that the table must have."""
        columns = [*self._paths.values(), self._subject, self._label, self._frame, self._official]
        return [column for column in columns if column]

    def _columns(self) -> list[str]:
        """Return the columns of paths that are read."""
        return [column for name, column in self._paths.items() if self.dimensions == 2 or name in self.modalities]

    def _chosen(self, path: Path, rows: Iterable[Row], found: Discovery) -> list[Row]:
        """Leave out rows whose files `include` and `exclude` leave out."""
        chosen = []
        for row in rows:
            cells = [row[column] for column in self._columns() if row[column]]
            left_out = next(((cell, why) for cell in cells if (why := self.patterns.why_not(_plain(cell)))), None)
            if left_out is None:
                chosen.append(row)
            else:
                file, why = left_out
                found.remarks.append(Remark("not read", file, row[self._subject] or None, why))
        return chosen

    def _classes(self, path: Path, rows: Iterable[Row], found: Discovery) -> list[tuple[str, str]]:
        """Return each row's class and where it is; remark on words that are taken as no class."""
        classes = []
        for row in rows:
            label, where = self._cells.read(row[self._label]), f"row {row.number}"
            if label is not None:
                classes.append((label, where))
            elif row[self._label]:
                text = labels.no_class(row[self._label])
                found.remarks.append(Remark("label", f"{path.name} {where}", row[self._subject] or None, text))
        return classes

    def _once(self, path: Path, rows: Sequence[Row], found: Discovery) -> list[Row]:
        """Return the rows without copies.

        Raises:
            CohortError: A file belongs to two subjects, or has two classes where each image has its own.
        """
        owners: dict[str, Row] = {}
        seen: set[tuple[str, ...]] = set()
        of_images: dict[tuple[str, ...], Row] = {}
        kept = []
        for row in rows:
            files = [_plain(row[column]) for column in self._columns() if row[column]]
            for file in files:
                owner = owners.setdefault(file, row)
                if owner[self._subject] != row[self._subject]:
                    raise CohortError(
                        path,
                        f"gives {file} to {owner[self._subject] or 'nobody'} (row {owner.number}) and to "
                        f"{row[self._subject] or 'nobody'} (row {row.number})",
                        "correct the file or the subject of one of these rows",
                    )
            if len(set(files)) < len(files):
                text = "names one file for two modalities"
                found.remarks.append(Remark("copy", f"{path.name} row {row.number}", row[self._subject] or None, text))
            first = of_images.setdefault(tuple(files), row)
            if self._per_image and first[self._label] != row[self._label]:
                raise CohortError(
                    path,
                    f"gives {files[0] if files else 'a row'} the class {first[self._label]!r} (row {first.number}) and "
                    f"{row[self._label]!r} (row {row.number})",
                    "keep the right row of the two",
                )
            key = (*files, *(row[column] for column in (self._frame, self._official, self._label) if column))
            if files and key in seen:
                text = "is a second row of one image: taken once"
                found.remarks.append(Remark("copy", f"{path.name} row {row.number}", row[self._subject], text))
            else:
                seen.add(key)
                kept.append(row)
        return kept

    def _add_subject(
        self, path: Path, subject_id: str, rows: Sequence[Row], finder: FileFinder, found: Discovery
    ) -> None:
        """Add one subject, or say why it, or one of its rows, cannot be used."""

        def reject(row: Row, reason: str) -> None:
            found.rejections.append(Rejection(f"{path.name} row {row.number}", subject_id, reason))

        classes = {self._cells.read(row[self._label]) for row in rows}
        officials = {self._official_set(row) for row in rows}
        unknown = next((row for row in rows if self._official_set(row) not in (None, "training", "test")), None)
        if unknown is not None:
            reject(unknown, f"official set is {self._official_set(unknown)!r}, not training or test")
            return
        for what, values in (("classes", set() if self._per_image else classes), ("official sets", officials)):
            if len(values) > 1:
                shown = ", ".join(sorted("none" if value is None else value for value in values))
                step = f"; {KEEP_THE_LABELS}" if what == "classes" and self.dimensions == 2 else ""
                reject(rows[0], f"subject has several {what}: {shown}{step}")
                return
        items = []
        for place, row in enumerate(rows, start=1):
            item = self._item(subject_id, row, place if len(rows) > 1 else None, finder)
            if isinstance(item, Item):
                items.append(item)
                continue
            reject(row, item)
            if self._frame:  # one frame could not be compared with both
                return
        if len({item.item_id for item in items}) < len(items):
            reject(rows[0], "two rows of the subject have the same frame")
        elif items:
            if self.dimensions == 2:
                items = [replace(item, item_id=f"{item.item_id}_{Path(item.files['image']).stem}") for item in items]
            ordered = sorted(items, key=lambda item: _FRAMES.index(item.frame) if item.frame else 0)
            label = None if self._per_image else self._cells.read(rows[0][self._label])
            found.records.append(Record(path.parent, subject_id, label, tuple(ordered), cast(Any, officials.pop())))

    def _official_set(self, row: Row) -> str | None:
        """Return training or test; a word that means neither as it is."""
        word = row[self._official].lower() if self._official else ""
        return None if word in self._cells.missing else _OFFICIAL.get(word, word)

    def _item(self, subject_id: str, row: Row, place: int | None, finder: FileFinder) -> Item | str:
        """Return the item of a row, or why there is none; ``place`` is its place among several of its subject."""
        frame = row[self._frame].upper() if self._frame else ""
        if frame.lower() in self._cells.missing:
            frame = ""
        if frame and frame not in _FRAMES:
            return f"frame is {frame!r}, not ED or ES"
        kinds = PICTURES if self.dimensions == 2 else _VOLUMES
        files = {}
        for modality, column in self._paths.items():
            if self.dimensions == 3 and modality not in self.modalities:
                continue
            cell = row[column]
            if not cell:
                return f"column {column} is empty"
            if not cell.lower().endswith(kinds):
                return f"{cell} is none of {', '.join(kinds)}, which `dimensions: {self.dimensions}` expects"
            file = finder.find(cell)
            if file is None:
                return finder.why_not(cell)
            files[modality] = file
        suffix = "" if place is None else f"_{frame}" if frame else f"_{place}"
        label = self._cells.read(row[self._label]) if self._per_image else None
        return Item(f"{subject_id}{suffix}", files, frame or None, label)


def _plain(cell: str) -> str:
    """Return a path in one form, whoever wrote it."""
    return os.path.normpath(cell.replace("\\", "/")) if cell else ""


def _csv(root: Path) -> Path | None:
    if root.is_file():
        return root
    files = sorted(root.glob("*.csv"))
    return files[0] if len(files) == 1 else None


ADAPTER = TableAdapter
