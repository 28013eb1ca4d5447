"""nnU-Net: folders of its raw data, versions 1 and 2, with one NIfTI file for each channel of a case.

Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation", Nature
Methods 2021. There are segmentations and no classes: the classes come from a table that the user provides, and the
segmentations are never opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.cohorts import labels
from sixgig.cohorts.base import Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.nifti import read_channels
from sixgig.cohorts.task_adapter import TaskAdapter
from sixgig.cohorts.task_index import INDEX, channels, chosen, find_task, inside, no_task, read_index
from sixgig.errors import CohortError

_FOLDERS = ("imagesTr", "imagesTs")
_FILE = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})\.nii(\.gz)?")
_ENDINGS = (".nii.gz", ".nii")


class NnunetAdapter(TaskAdapter):
    """One data set, such as Dataset001_Brain: one subject is one case of ``imagesTr`` or ``imagesTs``.

    Modalities are the channels of ``dataset.json`` (``channel_names``, or ``modality`` in version 1); with more than
    three the stanza has to name them.
    """

    name = "nnunet"
    title = "nnU-Net data set"
    subject_note = "subject-level split: one subject is one case"
    layout = "the folder of a data set of nnU-Net, with dataset.json and imagesTr/ with files such as case_0000.nii.gz"

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a data set of nnU-Net."""
        problems = no_task(root)
        task = None if problems else find_task(root)
        if task is None:
            return problems
        other = next(task.glob("images*/*_0000.*"), None)
        if other is None:
            if '"dataset"' in (task / INDEX).read_text(encoding="utf-8", errors="replace"):
                return []  # version 2 may list its files in place of the folders
            return [f"{task} holds no files such as imagesTr/case_0000.nii.gz"]
        if not other.name.endswith(_ENDINGS):
            return [f"{task} holds {other.name}, and only NIfTI files (.nii.gz, .nii) are read"]
        return []

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        segmentation = "a segmentation, which is never opened" if "labelsT" in file else None
        *folders, name = file.split("/")
        is_channel = _FILE.fullmatch(name) and folders[-1:] and folders[-1] in _FOLDERS
        channel = "a channel that `modalities` does not name" if is_channel else None
        return super().why_not_read(file) or segmentation or channel

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        task = find_task(root)
        assert task is not None  # require() looked for it
        path = task / INDEX
        index = read_index(path)
        ending = index.get("file_ending")
        if ending is not None and ending not in _ENDINGS:
            raise CohortError(path, f"its file_ending is {ending!r}", "store the images as NIfTI (.nii.gz, .nii)")
        there = channels(path, index)
        places = chosen(path, there, self._asked)
        self.modalities = self.known_modalities = tuple(places)
        found = Discovery()
        cases = _in_list(path, index) if isinstance(index.get("dataset"), dict) else _in_folders(task)
        for case, files in cases.items():
            own = {name: files[number] for name, number in places.items() if number in files}
            sources = {name: (task / file).relative_to(root).as_posix() for name, file in own.items()}
            if not all(map(self.patterns.takes, sources.values())):
                continue
            lacking = next((name for name in places if name not in own), None)
            gone = next((file for file in own.values() if not (task / file).is_file()), None)
            if lacking is not None:
                first = next(iter(files.values()), case)
                reason = f"channel {lacking} (_{places[lacking]:04d}) is missing"
                found.rejections.append(Rejection(first, case, reason))
            elif gone is not None:
                found.rejections.append(Rejection(gone, case, f"is listed in {INDEX} and does not exist"))
            else:
                found.records.append(Record(root, case, None, (Item(case, sources),)))
        return _with_classes(self.options, list(cases), found)

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read the channels of one case."""
        sources = tuple(item.files[name] for name in self.modalities)
        return read_channels([record.root / source for source in sources]).volume(record, item, sources)


def _with_classes(options: Mapping[str, Any], cases: Sequence[str], found: Discovery) -> Discovery:
    """Give the records the classes of the table of labels; ``cases`` are all, also those that cannot be used."""
    table = labels.subject_labels(options, cases, found)
    if table is None:
        return found
    absent = (record.subject_id for record in found.records if record.subject_id not in table)
    labels.without_row(Path(options["labels"]["file"]), absent, found)
    found.records[:] = [
        Record(record.root, record.subject_id, table.get(record.subject_id), record.items) for record in found.records
    ]
    return found


def _in_folders(task: Path) -> dict[str, dict[int, str]]:
    """Return case -> channel -> file of all files in the folders of images, as nnU-Net finds them."""
    cases: dict[str, dict[int, str]] = defaultdict(dict)
    for folder in _FOLDERS:
        for path in sorted((task / folder).glob("*")):
            match = _FILE.fullmatch(path.name)
            if match and not path.name.startswith("."):
                cases[match["case"]].setdefault(int(match["channel"]), f"{folder}/{path.name}")
    return dict(cases)


def _in_list(path: Path, index: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    """Return case -> channel -> file of dataset.json's own list of files (version 2, for files anywhere)."""
    cases = {}
    for case, entry in index["dataset"].items():
        files = entry.get("images") if isinstance(entry, dict) else None
        if not isinstance(files, list):
            raise CohortError(path, f"cannot be used: {case} has no list of images", "list them under `images`")
        cases[str(case)] = {number: inside(path, file) for number, file in enumerate(files)}
    return cases


ADAPTER = NnunetAdapter
