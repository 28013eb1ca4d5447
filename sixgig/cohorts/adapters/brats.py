"""BraTS: brain tumours in four skull-stripped, co-registered MRI modalities; the releases of 2017 to 2023 and after.

The segmentation is never opened, so the one that is misnamed in the training data of 2020 does no harm.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from sixgig.cohorts import labels, patterns
from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.brats_releases import MODALITIES, RELEASES, Release, releases_in, unknown_in
from sixgig.cohorts.csv_rows import Row, read_rows
from sixgig.cohorts.nifti import read_channels
from sixgig.errors import CohortError

_MAPPING = "name_mapping.csv"
_GRADE = "Grade"
_CLASSES = ("HGG", "LGG")
_SEGMENTATION = re.compile(r"[-_](seg|segm|gtv|label)s?(\.nii(\.gz)?)?(/[^/]*)?$|glistrboost", re.IGNORECASE)
_MODALITY = re.compile(r"[-_](flair|t1|t1ce|t2|t1n|t1c|t2w|t2f)\.nii(\.gz)?(/[^/]*)?$", re.IGNORECASE)
_log = logging.getLogger(__name__)


class BratsAdapter(Adapter):
    """BraTS: one subject is one patient, of all time points where there are several (their images are pooled).

    The class is that of the stanza's ``labels`` table; without it the grade: the folder HGG or LGG (2017 to 2019) or
    name_mapping.csv (2020). Subjects without any are unlabelled.
    """

    name = "brats"
    title = "BraTS"
    dimensions = 3
    subject_note = "subject-level split: one subject is one patient"
    layout = (
        "a folder of BraTS (2017 on), or the folder that holds it, with one folder per subject, such as "
        "BraTS20_Training_001 or BraTS-GLI-00000-000"
    )
    known_modalities = MODALITIES
    zero_background = True
    option_keys = ("labels", *labels.KEYS, *patterns.KEYS)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be BraTS."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        found = releases_in(root)
        if not found:
            unknown = unknown_in(root)
            if unknown:
                read = ", ".join(release.title for release in RELEASES)
                return [f"{root} holds {unknown}, of a release that is not read; these are: {read}"]
            return [f"{root} holds no folder named like BraTS20_Training_001 or BraTS-GLI-00000-000"]
        if len(found) > 1:
            titles = " and ".join(release.title for release in found)
            return [f"{root} holds folders of several releases ({titles}); name one release's folder"]
        ((release, folders),) = found.items()
        graded = any(folder.parent.name in _CLASSES for folder in folders) or "labels" in self.options
        training = release.title == "2020" and any("_training_" in folder.name.lower() for folder in folders)
        if training and not graded and _mapping(folders) is None:
            return [f"{folders[0].parent / _MAPPING} (the grades) does not exist"]
        return []

    def label_files(self, root: Path) -> list[Path]:
        """Return the table of labels, or the file of grades."""
        if "labels" in self.options:
            return super().label_files(root)
        mapping = _mapping([folder for folders in releases_in(root).values() for folder in folders])
        return [mapping] if mapping else []

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        if _MODALITY.search(file):
            return super().why_not_read(file) or "a modality that `modalities` does not name"
        segmentation = "a segmentation, which is never opened" if _SEGMENTATION.search(file) else None
        return super().why_not_read(file) or segmentation

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        ((release, there),) = releases_in(root).items()
        lacking = [name for name in self.modalities if name not in release.spelling]
        if lacking:
            raise CohortError(
                root,
                f"is BraTS {release.title}, which has no {', '.join(lacking)}",
                f"set `modalities` of the cohort to [{', '.join(release.spelling)}]",
            )
        found = Discovery()
        folders = [folder for folder in there if self.patterns.takes(folder.relative_to(root).as_posix())]
        subjects = {folder: _subject(release, folder) for folder in folders}
        classes = self._labels(release, subjects, {folder.name: _subject(release, folder) for folder in there}, found)
        items: dict[str, list[Item]] = defaultdict(list)
        grades: dict[str, set[str | None]] = defaultdict(set)
        counts = Counter(folder.name for folder in folders)
        for folder, subject_id in subjects.items():
            if counts[folder.name] > 1:
                reason = "this subject has two folders"
                found.rejections.append(Rejection(str(folder.relative_to(root)), subject_id, reason))
                continue
            item = self._item(root, folder, release)
            if isinstance(item, Rejection):
                found.rejections.append(Rejection(item.file, subject_id, item.reason))
                continue
            items[subject_id].append(item)
            grades[subject_id].add(classes[folder])
        for subject_id, own_items in items.items():
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
        """Read the modalities of one time point."""
        sources = tuple(item.files[name] for name in self.modalities)
        return read_channels([record.root / source for source in sources]).volume(record, item, sources)

    def _item(self, root: Path, folder: Path, release: Release) -> Item | Rejection:
        files: dict[str, str] = {}
        for modality in self.modalities:
            path = release.find(folder, modality)
            if path is None:
                expected = release.expected(folder, modality)
                return Rejection(str(expected.relative_to(root)), None, f"modality {modality} is missing")
            files[modality] = str(path.relative_to(root))
        return Item(folder.name, files)

    def _labels(
        self, release: Release, subjects: Mapping[Path, str], there: Mapping[str, str], found: Discovery
    ) -> dict[Path, str | None]:
        """Return the class of each folder: the table's alone where there is one.

        Args:
            release: The release.
            subjects: Folder -> patient of those that are used.
            there: Name of a folder -> patient of all that are there, those that patterns leave out too.
            found: Gets remarks.
        """
        table = labels.subject_labels(self.options, [*there, *dict.fromkeys(there.values())], found)
        if table is not None:
            file = Path(self.options["labels"]["file"])
            absent = (own for folder, own in subjects.items() if not {folder.name, own} & table.keys())
            labels.without_row(file, dict.fromkeys(absent), found)
            return {folder: table.get(folder.name, table.get(own)) for folder, own in subjects.items()}
        mapping = _mapping(list(subjects))
        grades: dict[str, str] = {}
        if mapping and release.id_column:
            grades = _read_grades(mapping, release.id_column, labels.ClassCells.of(self.options), found)
        above = {folder: folder.parent.name if folder.parent.name in _CLASSES else None for folder in subjects}
        return {folder: grades.get(folder.name, grades.get(own, above[folder])) for folder, own in subjects.items()}


def _subject(release: Release, folder: Path) -> str:
    match = release.folder.fullmatch(folder.name)
    assert match is not None  # releases_in() looked for it
    return match["subject"]


def _mapping(folders: Sequence[Path]) -> Path | None:
    """Return the name_mapping.csv next to the subjects' folders or above HGG and LGG."""
    for folder in dict.fromkeys(path.parent for path in folders):
        for candidate in (folder, folder.parent):
            for path in sorted(candidate.glob("*.[cC][sS][vV]")):
                if path.name.lower() == _MAPPING:
                    return path
    return None


def _read_grades(path: Path, id_column: str, cells: labels.ClassCells, found: Discovery) -> dict[str, str]:
    """Return folder -> HGG or LGG; subjects with another or no grade are left out."""
    grades: dict[str, str] = {}
    for row in _rows(path, id_column):
        subject_id, grade = cells.read(row[id_column]), cells.read(row[_GRADE])
        if grade is None or subject_id is None:
            continue
        if grade.upper() not in _CLASSES:
            found.remarks.append(Remark("label", path.name, subject_id, f"its grade is {grade}: taken as no class"))
            continue
        if grades.setdefault(subject_id, grade.upper()) != grade.upper():
            raise CohortError(path, f"{subject_id} has the grades HGG and LGG", "keep the right row of the two")
    return grades


def _rows(path: Path, id_column: str) -> list[Row]:
    try:
        return read_rows(path, (_GRADE, id_column))
    except CohortError as error:
        raise CohortError(
            path, error.reason, "restore it from the archive of the release; another year's does not fit"
        ) from error


ADAPTER = BratsAdapter
