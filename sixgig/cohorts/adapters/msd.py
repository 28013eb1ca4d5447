"""Medical Segmentation Decathlon: one task, 4D or 3D volumes listed in dataset.json.

Antonelli et al., "The Medical Segmentation Decathlon", Nature Communications 2022. A task has segmentations and no
classes: the classes come from a table that the user provides, and the segmentations are never opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.csv_rows import check_overlap, label_table
from sixgig.cohorts.nifti import read_channels, read_stacked
from sixgig.errors import CohortError

_INDEX = "dataset.json"
_IMAGE_CHANNELS = 3


class MsdAdapter(Adapter):
    """One task, such as Task01_BrainTumour: one subject is one volume of its training or test list.

    Modalities are those of ``dataset.json`` (FLAIR, T1w, t1gd and T2w for Task01); with more than three the stanza has
    to name them, since that file is only read once the cohort is there.
    """

    name = "msd"
    title = "Medical Segmentation Decathlon"
    dimensions = 3
    subject_note = "subject-level split: one subject is one volume of the task"
    layout = "the folder of a task, with dataset.json and imagesTr/ (or the folder that holds it)"
    known_modalities: tuple[str, ...] = ()
    option_keys = ("labels",)

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        asked = tuple(modalities or ())
        self.known_modalities = asked  # dataset.json decides; discover() compares
        super().__init__(asked, options)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a task of the Decathlon."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        return [] if _task(root) else [f"{root} holds no {_INDEX}"]

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        task = _task(root)
        assert task is not None  # require() looked for it
        index = _read_index(task / _INDEX)
        places = self._places(task / _INDEX, index["modality"])
        found = Discovery()
        names: dict[str, str] = {}
        for entry in [*index["training"], *index["test"]]:
            file = str(entry["image"] if isinstance(entry, dict) else entry).removeprefix("./")
            subject_id = Path(file).name.removesuffix(".gz").removesuffix(".nii")
            path = task / file
            if subject_id in names:
                found.rejections.append(Rejection(file, subject_id, f"{_INDEX} lists this subject twice"))
            elif not path.is_file():
                found.rejections.append(Rejection(file, subject_id, f"is listed in {_INDEX} and does not exist"))
            names.setdefault(subject_id, str(path.relative_to(root)))
        lost = {rejection.subject_id for rejection in found.rejections}
        labels = label_table(self.options)
        if labels is not None:
            check_overlap(labels, list(names), self.options["labels"]["file"])
        for subject_id, file in names.items():
            if subject_id not in lost:
                files = {name: f"{file}@{place}" for name, place in places.items()}
                found.records.append(
                    Record(root, subject_id, (labels or {}).get(subject_id), (Item(subject_id, files),))
                )
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read one item of a subject."""
        places = [source.rpartition("@") for source in item.files.values()]
        file = places[0][0]
        path = record.root / file
        channels = [int(place) for _, _, place in places]
        array, spacing = read_channels([path]) if channels == [-1] else read_stacked(path, channels)
        return Volume(array, spacing, item.item_id, item.frame, (file,) * len(places))

    def _places(self, path: Path, listed: Mapping[str, str]) -> dict[str, int]:
        """Return modality -> index along the fourth axis; -1 for files without one."""
        there = [listed[key] for key in sorted(listed, key=int)]
        if not self.modalities:
            if len(there) > _IMAGE_CHANNELS:
                raise CohortError(
                    path,
                    f"lists {len(there)} modalities, and an image has three channels",
                    f"set `modalities` of the cohort, for instance [{', '.join(there[:_IMAGE_CHANNELS])}]",
                )
            self.modalities = self.known_modalities = tuple(there)
        unknown = [name for name in self.modalities if name not in there]
        if unknown:
            raise CohortError(path, f"lists no modality {unknown[0]}", f"use {', '.join(there)}")
        return {name: there.index(name) if len(there) > 1 else -1 for name in self.modalities}


def _task(root: Path) -> Path | None:
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if (folder / _INDEX).is_file():
            return folder
    return None


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(path.read_text(encoding="utf-8-sig"))
        found = {"modality": dict(index["modality"]), "training": list(index["training"]), "test": list(index["test"])}
        for key in found["modality"]:
            int(key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(path, f"cannot be used: {error!r}", "restore it from the task's archive") from error
    return found


ADAPTER = MsdAdapter
