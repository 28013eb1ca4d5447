"""BraTS: brain tumours in four skull-stripped, co-registered MRI modalities; the releases of 2018 to 2023 and after.

Menze et al., IEEE TMI 2015; Bakas et al., Scientific Data 2017; Baid et al., arXiv 2107.02314 (2021). The segmentation
is never opened, so the one that is misnamed in the training data of 2020 does no harm.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.csv_rows import check_overlap, label_table, read_rows
from sixgig.cohorts.nifti import find_nifti, read_channels
from sixgig.errors import CohortError

_MODALITIES = ("flair", "t1", "t1ce", "t2")
_MAPPING = "name_mapping.csv"
_GRADE = "Grade"
_CLASSES = ("HGG", "LGG")
_DEPTH = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Release:
    """How one release names its folders and files.

    Attributes:
        title: The release, for people.
        folder: Pattern of a folder's name; group ``subject`` is the patient.
        file: What stands between the folder's name and the modality in a file's name.
        suffixes: Modality -> how the release spells it.
        id_column: Column of name_mapping.csv with the folder's name; None where there is no such file.
    """

    title: str
    folder: re.Pattern[str]
    file: str = "_"
    suffixes: Mapping[str, str] | None = None
    id_column: str | None = None

    def stem(self, folder: str, modality: str) -> str:
        """Return the name of a modality's file, without its ending."""
        return f"{folder}{self.file}{(self.suffixes or {}).get(modality, modality)}"


RELEASES = (
    Release("2018", re.compile(r"(?P<subject>Brats18_\w+)"), id_column="BraTS_2018_subject_ID"),
    Release("2019", re.compile(r"(?P<subject>BraTS19_\w+)"), id_column="BraTS_2019_subject_ID"),
    Release("2020", re.compile(r"(?P<subject>BraTS20_\w+)"), id_column="BraTS_2020_subject_ID"),
    Release("2021", re.compile(r"(?P<subject>BraTS2021_\d+)")),
    Release(
        "2023 or later",
        # The last number is the time point: two folders may be one patient.
        re.compile(r"(?P<subject>BraTS-[A-Z]+(?:-[A-Z]+)*-\d+)-\d+"),
        "-",
        {"flair": "t2f", "t1": "t1n", "t1ce": "t1c", "t2": "t2w"},
    ),
)


class BratsAdapter(Adapter):
    """BraTS: one subject is one patient, of all time points where there are several (their images are pooled).

    The class is the grade: the folder HGG or LGG (2018, 2019), name_mapping.csv (2020), or the stanza's ``labels``
    table, which takes precedence. Subjects without any are unlabelled.
    """

    name = "brats"
    title = "BraTS"
    dimensions = 3
    subject_note = "subject-level split: one subject is one patient"
    layout = (
        "a folder of BraTS (2018 on), or the folder that holds it, with one folder per subject, such as "
        "BraTS20_Training_001 or BraTS-GLI-00000-000"
    )
    known_modalities = _MODALITIES
    zero_background = True
    option_keys = ("labels",)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be BraTS."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        found = _releases(root)
        if not found:
            return [f"{root} holds no folder named like BraTS20_Training_001 or BraTS-GLI-00000-000"]
        if len(found) > 1:
            titles = " and ".join(release.title for release in found)
            return [f"{root} holds folders of several releases ({titles}); name one release's folder"]
        ((release, folders),) = found.items()
        graded = any(folder.parent.name in _CLASSES for folder in folders) or "labels" in self.options
        training = release.title == "2020" and any("_Training_" in folder.name for folder in folders)
        if training and not graded and _mapping(folders) is None:
            return [f"{folders[0].parent / _MAPPING} (the grades) does not exist"]
        return []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        ((release, folders),) = _releases(root).items()
        labels = self._labels(release, folders)
        found = Discovery()
        items: dict[str, list[Item]] = defaultdict(list)
        grades: dict[str, set[str | None]] = defaultdict(set)
        counts = Counter(folder.name for folder in folders)
        for folder in folders:
            match = release.folder.fullmatch(folder.name)
            assert match is not None  # _releases() looked for it
            subject_id = match["subject"]
            if counts[folder.name] > 1:
                reason = "this subject has two folders"
                found.rejections.append(Rejection(str(folder.relative_to(root)), subject_id, reason))
                continue
            item = self._item(root, folder, release)
            if isinstance(item, Rejection):
                found.rejections.append(Rejection(item.file, subject_id, item.reason))
                continue
            items[subject_id].append(item)
            own = folder.parent.name if folder.parent.name in _CLASSES else None
            grades[subject_id].add(labels.get(folder.name, labels.get(subject_id, own)))
        lost = {rejection.subject_id for rejection in found.rejections}
        for subject_id, own_items in items.items():
            if subject_id in lost:  # with time points missing, the patient could not be compared with the others
                continue
            if len(grades[subject_id]) > 1:
                shown = ", ".join(sorted(str(grade) for grade in grades[subject_id]))
                found.rejections.append(
                    Rejection(next(iter(own_items[0].files.values())), subject_id, f"has several classes: {shown}")
                )
                continue
            found.records.append(Record(root, subject_id, grades[subject_id].pop(), tuple(own_items)))
        unlabelled = sum(record.label is None for record in found.records)
        if unlabelled:
            _log.info("%d subjects have no class: they are used for pretraining only", unlabelled)
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read one item of a subject."""
        sources = tuple(item.files[name] for name in self.modalities)
        array, spacing = read_channels([record.root / source for source in sources])
        return Volume(array, spacing, item.item_id, item.frame, sources)

    def _item(self, root: Path, folder: Path, release: Release) -> Item | Rejection:
        files: dict[str, str] = {}
        for modality in self.modalities:
            stem = release.stem(folder.name, modality)
            path = find_nifti(folder, stem)
            if path is None:
                expected = folder / f"{stem}.nii.gz"
                return Rejection(str(expected.relative_to(root)), None, f"modality {modality} is missing")
            files[modality] = str(path.relative_to(root))
        return Item(folder.name, files)

    def _labels(self, release: Release, folders: Sequence[Path]) -> dict[str, str | None]:
        table = label_table(self.options)
        if table is not None:
            names = [folder.name for folder in folders]
            subjects = [match["subject"] for name in names if (match := release.folder.fullmatch(name))]
            check_overlap(table, names + subjects, self.options["labels"]["file"])
            return table
        mapping = _mapping(folders)
        return dict(_read_grades(mapping, release.id_column)) if mapping and release.id_column else {}


def _releases(root: Path) -> dict[Release, list[Path]]:
    """Return the subjects' folders of every release below ``root``, sorted."""
    found: dict[Release, list[Path]] = {}
    for path in sorted(_folders(root, _DEPTH)):
        for release in RELEASES:
            if release.folder.fullmatch(path.name):
                found.setdefault(release, []).append(path)
    return {release: found[release] for release in RELEASES if release in found}


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """Yield folders below ``root`` down to ``depth``, without those inside a subject's folder."""
    for path in root.iterdir():
        if not path.is_dir():
            continue
        yield path
        if depth > 1 and not any(release.folder.fullmatch(path.name) for release in RELEASES):
            yield from _folders(path, depth - 1)


def _mapping(folders: Sequence[Path]) -> Path | None:
    """Return the name_mapping.csv next to the subjects' folders or above HGG and LGG."""
    for folder in dict.fromkeys(path.parent for path in folders):
        for candidate in (folder, folder.parent):
            if (candidate / _MAPPING).is_file():
                return candidate / _MAPPING
    return None


def _read_grades(path: Path, id_column: str) -> dict[str, str]:
    """Return folder -> HGG or LGG; subjects with another or no grade are left out."""
    grades: dict[str, str] = {}
    for row in _rows(path, id_column):
        subject_id, grade = row[id_column], row[_GRADE]
        if grade not in _CLASSES:
            continue
        if grades.setdefault(subject_id, grade) != grade:
            raise CohortError(path, f"{subject_id} has the grades HGG and LGG", "keep the right row of the two")
    return grades


def _rows(path: Path, id_column: str) -> list[dict[str, Any]]:
    try:
        return list(read_rows(path, (_GRADE, id_column)))
    except CohortError as error:
        raise CohortError(
            path, error.reason, "restore it from the archive of the release; another year's does not fit"
        ) from error


ADAPTER = BratsAdapter
