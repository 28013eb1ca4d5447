"""Medical Segmentation Decathlon: one task, 4D or 3D volumes listed in dataset.json.

Antonelli et al., "The Medical Segmentation Decathlon", Nature Communications 2022. A task has segmentations and no
classes: the classes come from a table that the user provides, and the segmentations are never opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts import labels
from sixgig.cohorts.base import Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.nifti import read_channels, read_stacked
from sixgig.cohorts.task_adapter import TaskAdapter
from sixgig.cohorts.task_index import INDEX, bare, channels, chosen, find_task, inside, no_task, read_index
from sixgig.errors import CohortError


class MsdAdapter(TaskAdapter):
    """One task, such as Task01_BrainTumour: one subject is one volume of its training or test list.

    Modalities are those of ``dataset.json`` (FLAIR, T1w, t1gd and T2w for Task01); with more than three the stanza has
    to name them, since that file is only read once the cohort is there.
    """

    name = "msd"
    title = "Medical Segmentation Decathlon"
    subject_note = "subject-level split: one subject is one volume of the task"
    layout = "the folder of a task, with dataset.json and imagesTr/ (or the folder that holds it)"

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a task of the Decathlon."""
        problems = no_task(root)
        task = None if problems else find_task(root)
        if task is None:
            return problems
        if next(task.glob("images*/*_0000.*"), None) is not None:
            return [f"{task} is a folder of nnU-Net, with a file for each channel: use the adapter nnunet"]
        return []

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        segmentation = "a segmentation, which is never opened" if "labelsT" in file else None
        listed = f"not listed in {INDEX}" if "imagesT" in file else None
        return super().why_not_read(file) or segmentation or listed

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        task = find_task(root)
        assert task is not None  # require() looked for it
        path = task / INDEX
        index = read_index(path)
        there = channels(path, index)
        places = chosen(path, there, self._asked)
        self.modalities = self.known_modalities = tuple(places)
        found = Discovery()
        names: dict[str, str] = {}
        left_out: list[str] = []
        for listed in _listed(path, index):
            file = inside(path, listed.get("image") if isinstance(listed, dict) else listed)
            subject_id = bare(Path(file).name)
            source = (task / file).relative_to(root).as_posix()
            if not self.patterns.takes(source):
                left_out.append(subject_id)
                continue
            if subject_id in names:
                found.rejections.append(Rejection(file, subject_id, f"{INDEX} lists this subject twice"))
            elif not (task / file).is_file():
                found.rejections.append(Rejection(file, subject_id, f"is listed in {INDEX} and does not exist"))
            names.setdefault(subject_id, source)
        lost = {rejection.subject_id for rejection in found.rejections}
        table = labels.subject_labels(self.options, [*names, *left_out], found)
        if table is not None:
            labels.without_row(Path(self.options["labels"]["file"]), names.keys() - table.keys(), found)
        place_of = list(there)
        for subject_id, file in names.items():
            if subject_id not in lost:
                files = {name: f"{file}@{place_of.index(name) if len(there) > 1 else -1}" for name in places}
                label = (table or {}).get(subject_id)
                found.records.append(Record(root, subject_id, label, (Item(subject_id, files),)))
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read the modalities of one volume."""
        places = [source.rpartition("@") for source in item.files.values()]
        file = places[0][0]
        path = record.root / file
        channels = [int(place) for _, _, place in places]
        found = read_channels([path]) if channels == [-1] else read_stacked(path, channels)
        return found.volume(record, item, (file,) * len(places))


def _listed(path: Path, index: Mapping[str, Any]) -> list[Any]:
    """Return the entries of the training and of the test list.

    Raises:
        CohortError: There is no list of training volumes.
    """
    lists = [index.get("training"), index.get("test", [])]
    if not all(isinstance(entries, list) for entries in lists):
        raise CohortError(
            path,
            "cannot be used: it does not list the volumes under `training` and `test`",
            "restore it from the task's archive; a folder of nnU-Net is read by the adapter nnunet",
        )
    return [entry for entries in lists for entry in entries or ()]


ADAPTER = MsdAdapter
