"""A folder of pictures: one folder for each class, PNG, JPEG or TIFF, subjects found in the file names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sixgig.cohorts import patterns
from sixgig.cohorts.base import KEEP_THE_LABELS, Adapter, Discovery, Image2D, Item, Record, Rejection, Remark
from sixgig.cohorts.images import PICTURES, read_picture
from sixgig.cohorts.labels import ClassCells
from sixgig.cohorts.masks import REMARK, masks
from sixgig.cohorts.names import distinct
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
    is a separate subject, and a patient with several pictures may be on both sides of a split. Pictures that are masks
    of others by their names are passed over, unless ``include`` names them.
    """

    name = "image_folder"
    title = "Folder of images"
    dimensions = 2
    option_keys = ("subject_pattern", "labels_of", "classes", *patterns.KEYS)
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
        found = _pictures(root)
        of_others = masks(found)
        chosen = [file for file in found if self._why_not(file, of_others) is None]
        if len({label for label, _ in _places(chosen).values()}) < 2:
            left_out = " (others are left out)" if len(chosen) < len(found) else ""
            return [f"{root} holds no two folders with {', '.join(PICTURES)} files{left_out}, one for each class"]
        return []

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        reason = super().why_not_read(file)
        is_picture = file.lower().endswith(PICTURES)
        return reason or ("a picture that lies in no folder of a class" if is_picture else None)

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        found = Discovery()
        pictures = self._chosen(root, found)
        places = _places(pictures)
        ClassCells.of(self.options).check(root, ((label, f"folder {label}") for label, _ in places.values()))
        names = distinct(list(places))
        items: dict[str, list[Item]] = {}
        labels: dict[str, set[str]] = {}
        officials: dict[str, set[str | None]] = {}
        for source, (label, official) in places.items():
            folder = f"{official}/{label}/" if official else f"{label}/"
            subject_id = self._subject(source[len(folder) :], names[source])
            if subject_id is None:
                reason = f"subject_pattern {self.options['subject_pattern']} finds no subject in it"
                found.rejections.append(Rejection(source, None, reason))
                continue
            own_label = label if self._per_image else None
            items.setdefault(subject_id, []).append(Item(names[source], {"image": source}, label=own_label))
            labels.setdefault(subject_id, set()).add(label)
            officials.setdefault(subject_id, set()).add(_PARTS[official.lower()] if official else None)
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
            whole = None if self._per_image else min(labels[subject_id])
            (official_set,) = officials[subject_id]
            found.records.append(Record(root, subject_id, whole, tuple(own), official_set))  # type: ignore[arg-type]
        return found

    def read_item(self, record: Record, item: Item) -> Image2D:
        """Read one picture."""
        source = item.files["image"]
        return read_picture(record.root / source, source, item.item_id)

    def _chosen(self, root: Path, found: Discovery) -> list[str]:
        """Return the pictures below ``root`` that belong to the cohort; remark on the others."""
        there = _pictures(root)
        of_others = masks(there)
        chosen = []
        for file in there:
            why = self._why_not(file, of_others)
            if why is None:
                chosen.append(file)
            else:
                found.remarks.append(Remark("not read", file, None, why))
        return chosen

    def _why_not(self, file: str, of_others: Mapping[str, str]) -> str | None:
        reason = self.patterns.why_not(file)
        if reason is None and file in of_others and not self.patterns.asks_for(file, of_others[file]):
            return REMARK
        return reason

    def _subject(self, inside: str, name: str) -> str | None:
        if self._pattern is None:
            return name
        match = self._pattern.search(inside)
        if match is None:
            return None
        named = match.groupdict().get("subject")
        found = named if named is not None else match[1] if match.re.groups else match[0]
        return found or None


def _places(pictures: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Return class and official set of each picture that lies in a class's folder.

    The official set is a folder's name; None when the root holds the classes.
    """
    classes: dict[str, set[str]] = {}
    for file in pictures:
        part, _, below = file.partition("/")
        if part.lower() in _PARTS and "/" in below:
            classes.setdefault(part, set()).add(below.partition("/")[0])
    is_split = any(len(own) > 1 for own in classes.values())
    places: dict[str, tuple[str, str | None]] = {}
    for file in pictures:
        first, *others = file.split("/")
        if is_split and first in classes and len(others) > 1:
            places[file] = others[0], first
        elif not is_split and others:
            places[file] = first, None
    return places


def _pictures(root: Path) -> list[str]:
    """Return the paths of all pictures below a folder, sorted name by name, without hidden ones."""
    return list(_below(str(root), "", 0))


def _below(root: str, inside: str, depth: int) -> Iterator[str]:
    for entry in sorted(os.scandir(os.path.join(root, inside)), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        file = f"{inside}{entry.name}"
        if entry.is_dir(follow_symlinks=depth < 2):  # a folder of a class may be a link
            yield from _below(root, f"{file}/", depth + 1)
        elif os.path.splitext(entry.name)[1].lower() in PICTURES and entry.is_file():
            yield file


ADAPTER = ImageFolderAdapter
