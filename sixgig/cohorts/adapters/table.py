"""A cohort listed in a CSV: paths of images or of NIfTI volumes, and the class and subject of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from sixgig.cohorts.base import KEEP_THE_LABELS, Adapter, Discovery, Image2D, Item, Record, Rejection, Volume
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.images import PICTURES, read_picture
from sixgig.cohorts.nifti import read_channels
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
    option_keys = ("columns", "dimensions", "labels_of")
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
        self._per_image = given.get("labels_of") == "image"
        self._frame, self._official = columns.get("frame"), columns.get("official")
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
            rows = read_rows(path, ())
        except CohortError:  # discover() says why
            return [path]
        named = (path.parent / row[column] for row in rows for column in self._paths.values() if row.get(column))
        return [path, *dict.fromkeys(named)]

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        path = _csv(root)
        assert path is not None  # require() looked for it
        columns = [*self._paths.values(), self._subject, self._label, self._frame, self._official]
        rows = read_rows(path, [column for column in columns if column])
        found, subjects = Discovery(), {}  # type: tuple[Discovery, dict[str, list[tuple[int, dict[str, str]]]]]
        for number, row in enumerate(rows, start=2):
            if row[self._subject]:
                subjects.setdefault(row[self._subject], []).append((number, row))
            else:
                found.rejections.append(Rejection(f"{path.name} row {number}", None, "has no subject"))
        for subject_id, own in subjects.items():
            result = self._record(path, subject_id, own)
            (found.records if isinstance(result, Record) else found.rejections).append(result)  # type: ignore[arg-type]
        if not found.records and not found.rejections:
            raise CohortError(path, "has a header and no rows", "write one row for each image or volume")
        return found

    def read_item(self, record: Record, item: Item) -> Volume | Image2D:
        """Read one item of a subject."""
        if self.dimensions == 2:
            source = item.files["image"]
            return read_picture(record.root / source, source, item.item_id)
        sources = tuple(item.files[name] for name in self.modalities)
        array, spacing = read_channels([record.root / source for source in sources])
        return Volume(array, spacing, item.item_id, item.frame, sources)

    def _record(self, path: Path, subject_id: str, rows: list[tuple[int, dict[str, str]]]) -> Record | Rejection:
        items, labels, officials = [], [], set()
        for place, (number, row) in enumerate(rows):

            def reject(reason: str, number: int = number) -> Rejection:
                return Rejection(f"{path.name} row {number}", subject_id, reason)

            labels.append(row[self._label] or None)
            official = row[self._official].lower() if self._official else ""
            if official and official not in _OFFICIAL:
                return reject(f"official set is {official!r}, not training or test")
            officials.add(_OFFICIAL.get(official))
            frame = (row[self._frame].upper() or None) if self._frame else None
            if frame is not None and frame not in _FRAMES:
                return reject(f"frame is {frame!r}, not ED or ES")
            files = {}
            for modality, column in self._paths.items():
                if self.dimensions == 3 and modality not in self.modalities:
                    continue
                file = row[column]
                if not file:
                    return reject(f"column {column} is empty")
                kinds = PICTURES if self.dimensions == 2 else _VOLUMES
                if not file.lower().endswith(kinds):
                    return reject(
                        f"{file} is none of {', '.join(kinds)}, which `dimensions: {self.dimensions}` expects"
                    )
                if not (path.parent / file).is_file():
                    return reject(f"{file} does not exist")
                files[modality] = file
            suffix = "" if len(rows) == 1 else f"_{frame}" if frame else f"_{place + 1}"
            items.append(Item(f"{subject_id}{suffix}", files, frame, labels[-1] if self._per_image else None))
        for what, values in (("classes", set() if self._per_image else set(labels)), ("official sets", officials)):
            if len(values) > 1:
                shown = ", ".join(sorted("none" if value is None else value for value in values))
                step = f"; {KEEP_THE_LABELS}" if what == "classes" and self.dimensions == 2 else ""
                reason = f"subject has several {what}: {shown}{step}"
                return Rejection(f"{path.name} row {rows[0][0]}", subject_id, reason)
        if len({item.item_id for item in items}) < len(items):
            return Rejection(f"{path.name} row {rows[0][0]}", subject_id, "two rows of the subject have the same frame")
        if self.dimensions == 2:
            items = [replace(item, item_id=f"{item.item_id}_{Path(item.files['image']).stem}") for item in items]
        ordered = sorted(items, key=lambda item: _FRAMES.index(item.frame) if item.frame else 0)
        label = None if self._per_image else labels[0]
        (official_set,) = officials
        return Record(path.parent, subject_id, label, tuple(ordered), cast(Any, official_set))


def _csv(root: Path) -> Path | None:
    if root.is_file():
        return root
    files = sorted(root.glob("*.csv"))
    return files[0] if len(files) == 1 else None


ADAPTER = TableAdapter
