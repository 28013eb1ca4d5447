"""A folder of pictures: one folder for each class, PNG, JPEG or TIFF, subjects found in the file names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sixgig.cohorts.base import KEEP_THE_LABELS, Adapter, Discovery, Image2D, Item, Record, Rejection
from sixgig.cohorts.images import PICTURES, read_picture
from sixgig.errors import ConfigError

_PARTS: dict[str, Literal["training", "test"]] = {
    "train": "training",
    "training": "training",
    "val": "training",
    "validation": "training",
    "test": "test",
    "testing": "test",
}


class ImageFolderAdapter(Adapter):
    """Pictures in a folder for each class; below a folder ``train`` and ``test`` where there are official sets.

    The option ``subject_pattern`` finds the subject in a file's path below its class's folder; without it every picture
    is a separate subject, and a patient with several pictures may be on both sides of a split.
    """

    name = "image_folder"
    title = "Folder of images"
    dimensions = 2
    option_keys = ("subject_pattern", "labels_of")
    layout = "a folder with one folder of PNG, JPEG or TIFF files for each class (also below train/ and test/)"

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(modalities, options)
        self._per_image = self.options.get("labels_of") == "image"
        pattern = self.options.get("subject_pattern")
        try:
            self._pattern = re.compile(pattern) if pattern else None
        except re.error as error:
            raise ConfigError(
                "subject_pattern", f"{pattern!r} is not a regular expression: {error}", "correct it"
            ) from None
        self.subject_note = (
            f"subjects are what the pattern {pattern} finds in file names"
            if pattern
            else "image-level split: no pattern says which images belong to one subject"
        )

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a folder of pictures."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        if len(_classes(root)) < 2:
            return [f"{root} holds no two folders with {', '.join(PICTURES)} files, one for each class"]
        return []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        found = Discovery()
        items: dict[str, list[Item]] = {}
        labels: dict[str, set[str]] = {}
        officials: dict[str, set[str | None]] = {}
        for official, label, folder in _class_folders(root):
            for path in _pictures(folder):
                source = path.relative_to(root).as_posix()
                subject_id = self._subject(path.relative_to(folder).as_posix(), source)
                if subject_id is None:
                    pattern = self.options["subject_pattern"]
                    found.rejections.append(
                        Rejection(source, None, f"subject_pattern {pattern} finds no subject in it")
                    )
                    continue
                items.setdefault(subject_id, []).append(
                    Item(_identifier(source), {"image": source}, label=label if self._per_image else None)
                )
                labels.setdefault(subject_id, set()).add(label)
                officials.setdefault(subject_id, set()).add(official)
        for subject_id, own in sorted(items.items()):
            first = own[0].files["image"]
            if len(labels[subject_id]) > 1 and not self._per_image:
                shown = ", ".join(sorted(labels[subject_id]))
                reason = f"subject {subject_id} is in several classes: {shown}; {KEEP_THE_LABELS}"
                found.rejections.append(Rejection(first, subject_id, reason))
                continue
            if len(officials[subject_id]) > 1:
                reason = f"subject {subject_id} is in the training and in the test set"
                found.rejections.append(Rejection(first, subject_id, reason))
                continue
            label = None if self._per_image else min(labels[subject_id])
            (official_set,) = officials[subject_id]
            record = Record(root, subject_id, label, tuple(own), _PARTS[official_set] if official_set else None)
            found.records.append(record)
        return found

    def read_item(self, record: Record, item: Item) -> Image2D:
        """Read one item of a subject."""
        source = item.files["image"]
        return read_picture(record.root / source, source, item.item_id)

    def _subject(self, inside: str, source: str) -> str | None:
        if self._pattern is None:
            return _identifier(source)
        match = self._pattern.search(inside)
        if match is None:
            return None
        named = match.groupdict().get("subject")
        found = named if named is not None else match[1] if match.re.groups else match[0]
        return found or None


def _identifier(source: str) -> str:
    """Return a name that is unique among the pictures: the whole path, its suffix too."""
    return source.replace("/", "__")


def _class_folders(root: Path) -> Iterator[tuple[str | None, str, Path]]:
    """Yield official set, class and folder; the official set is None when the root holds the classes."""
    parts = [path for path in _folders(root) if path.name.lower() in _PARTS and len(_classes(path)) > 1]
    if parts:
        for part in parts:
            yield from ((part.name.lower(), folder.name, folder) for folder in _classes(part))
    else:
        yield from ((None, folder.name, folder) for folder in _classes(root))


def _classes(root: Path) -> list[Path]:
    return [folder for folder in _folders(root) if next(_pictures(folder), None) is not None]


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file():
            yield path


ADAPTER = ImageFolderAdapter
