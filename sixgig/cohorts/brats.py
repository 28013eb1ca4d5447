"""BraTS 2020: brain tumours in four skull-stripped, co-registered MRI modalities, classes HGG and LGG.

Menze et al., IEEE TMI 2015; Bakas et al., Scientific Data 2017. The segmentation is never opened, so the one that is
misnamed in the released training data does no harm.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.nifti import find_nifti, read_channels
from sixgig.errors import CohortError

_SUBJECT = re.compile(r"BraTS20_Training_\d+")
_MAPPING = "name_mapping.csv"
_GRADE, _ID = "Grade", "BraTS_2020_subject_ID"
_CLASSES = ("HGG", "LGG")
_log = logging.getLogger(__name__)


class BratsAdapter(Adapter):
    """BraTS 2020 training data: one subject is one volume; subjects without a grade are unlabelled."""

    name = "brats"
    title = "BraTS 2020"
    dimensions = 3
    subject_note = "subject-level split: one subject is one patient"
    layout = (
        "MICCAI_BraTS2020_TrainingData (or the folder that holds it), with name_mapping.csv and one folder "
        "BraTS20_Training_001 per subject"
    )
    known_modalities = ("flair", "t1", "t1ce", "t2")
    zero_background = True

    def missing(self, root: Path) -> list[str]:
        """See :meth:`Adapter.missing`."""
        if not root.is_dir():
            return [f"{root} does not exist or is no folder"]
        data = _data_folder(root)
        if data is None:
            return [f"{root} holds no folder named like BraTS20_Training_001"]
        return [] if (data / _MAPPING).is_file() else [f"{data / _MAPPING} (the grades) does not exist"]

    def discover(self, root: Path) -> Discovery:
        """See :meth:`Adapter.discover`."""
        self.require(root)
        data = _data_folder(root)
        assert data is not None  # require() looked for it
        grades = _read_grades(data / _MAPPING)
        found = Discovery()
        for folder in _subject_folders(data):
            subject_id = folder.name
            files: dict[str, str] = {}
            for modality in self.modalities:
                path = find_nifti(folder, f"{subject_id}_{modality}")
                if path is None:
                    expected = folder / f"{subject_id}_{modality}.nii.gz"
                    found.rejections.append(
                        Rejection(str(expected.relative_to(root)), subject_id, f"modality {modality} is missing")
                    )
                    break
                files[modality] = str(path.relative_to(root))
            else:
                item = Item(subject_id, files)
                found.records.append(Record(root, subject_id, grades.get(subject_id), (item,)))
        unlabelled = sum(record.label is None for record in found.records)
        if unlabelled:
            _log.info("%d subjects have no grade in %s: they are used for pretraining only", unlabelled, _MAPPING)
        return found

    def read(self, record: Record) -> Iterator[Volume]:
        """See :meth:`Adapter.read`."""
        for item in record.items:
            sources = tuple(item.files[name] for name in self.modalities)
            array, spacing = read_channels([record.root / source for source in sources])
            yield Volume(array, spacing, item.item_id, item.frame, sources)


def _subject_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _SUBJECT.fullmatch(path.name) and path.is_dir())


def _data_folder(root: Path) -> Path | None:
    """Return ``root`` or the folder up to two levels below it that holds the subjects' folders."""
    for folder in (root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))):
        if _subject_folders(folder):
            return folder
    return None


def _read_grades(path: Path) -> dict[str, str]:
    """Return subject -> HGG or LGG; subjects with another or no grade are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), set(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        raise CohortError(path, f"cannot be read as CSV: {error}", "restore it from the BraTS 2020 archive") from error
    if not {_GRADE, _ID} <= columns:
        raise CohortError(
            path, f"lacks the columns {_GRADE} and {_ID}", "use the name_mapping.csv of BraTS 2020, not of another year"
        )
    grades: dict[str, str] = {}
    for row in rows:
        subject_id, grade = ((row[column] or "").strip() for column in (_ID, _GRADE))
        if grade not in _CLASSES:
            continue
        if grades.setdefault(subject_id, grade) != grade:
            raise CohortError(path, f"{subject_id} has the grades HGG and LGG", "keep the right row of the two")
    return grades
