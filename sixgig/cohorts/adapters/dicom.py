"""DICOM: series below a folder, one volume each, or pictures, one file each; found by their headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from sixgig.cohorts import labels as tables
from sixgig.cohorts import patterns
from sixgig.cohorts.base import Adapter, Discovery, Image2D, Item, Record, Remark, Volume
from sixgig.cohorts.dicom.choosing import ASK, WAYS
from sixgig.cohorts.dicom.files import files_below, looks_like_dicom
from sixgig.cohorts.dicom.folder import scan
from sixgig.cohorts.dicom.grids import on_one_grid
from sixgig.cohorts.dicom.items import channels, check_selection, files_of_channel, pictures, volumes
from sixgig.cohorts.dicom.picture import read_dicom_picture
from sixgig.cohorts.dicom.selecting import Selection
from sixgig.cohorts.dicom.subjects import Subjects
from sixgig.cohorts.dicom.telling import PLACES, check_tags, values_by_subject
from sixgig.cohorts.dicom.volume import read_stack, remarks_of
from sixgig.errors import ConfigError

_ONE = "image"


class DicomAdapter(Adapter):
    """One subject is one ``PatientID``, unless ``subject`` or ``subject_pattern`` says otherwise.

    Volumes: each series that ``select`` leaves is one, when it has four slices or more, is no localizer, projection or
    screen capture, and ``series`` takes it. Pictures, with ``dimensions: 2``: each file is one. Labels come from the
    ``labels`` table of the stanza.
    """

    name = "dicom"
    title = "DICOM series"
    option_keys = (
        "labels", *tables.KEYS, *patterns.KEYS, "select", "series", "subject", "subject_pattern", "dimensions",
    )  # fmt: skip
    layout = "a folder with DICOM files, in any folders below it"
    subject_note = "subject-level split: one subject is one PatientID"
    opens_files = True
    pseudonyms = True
    telling_values = PLACES

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        given = dict(options or {})
        self.dimensions = cast(Literal[2, 3], given.get("dimensions", 3))
        self._series = given.get("series", ASK)
        self._roles: dict[str, Selection] = {}
        if isinstance(self._series, Mapping):
            self._roles = {str(role): Selection(asked, "series") for role, asked in self._series.items()}
        elif self._series not in WAYS:
            raise ConfigError(
                "series", f"is {self._series!r}", f"write {', '.join(WAYS)}, or a series for each channel"
            )
        if self.dimensions == 2:
            if "series" in given:
                raise ConfigError("series", "is about volumes, and dimensions is 2", "remove one of the two")
        else:
            self.known_modalities = tuple(self._roles) or (_ONE,)
        self._select = Selection(given.get("select"), "select")
        self._subjects = Subjects(given)
        self.subject_note = self._subjects.note
        super().__init__(modalities, given)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a cohort of DICOM files."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        if not any(_is_dicom(path) for path in files_below(root)):
            return [f"{root} holds no DICOM file"]
        return []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` by the headers of their files.

        Raises:
            CohortError: An id stands for several patients, nothing is selected, or it is not clear which series is the
                image.
        """
        self.require(root)
        wanted = [*self._subjects.wanted, *self._select.wanted]
        wanted += [tag for role in self._roles.values() for tag in role.wanted]
        folder = scan(root, self._subjects, wanted, self.patterns.takes)
        doubts = self._subjects.check(folder.images, root, self.dimensions)
        check_selection(folder.images, self._select, root)
        if self.dimensions == 2:
            found = pictures(folder.images, self._select, _ONE)
        elif self._roles:
            found = channels(folder.images, self._select, {role: self._roles[role] for role in self.modalities}, root)
        else:
            found = volumes(folder.images, self._select, self._series, root)
        remarks = [*folder.remarks, *doubts, *found.remarks]
        discovery = Discovery([], [*folder.rejections, *found.rejections], remarks)
        labels = tables.subject_labels(self.options, sorted({subject for subject, _ in folder.images}), discovery)
        for subject, own in sorted(found.items.items()):
            discovery.records.append(Record(root, subject, (labels or {}).get(subject), own))
        return discovery

    def subject_values(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return tags of the subjects' images, such as PatientSex; an age is in years."""
        check_tags(names)
        folder = scan(root, self._subjects, [*self._subjects.wanted, *names], self.patterns.takes)
        return values_by_subject(folder.images, names)

    def read_item(self, record: Record, item: Item) -> Volume | Image2D:
        """Read one volume, or one picture."""
        if self.dimensions == 2:
            source = item.files[_ONE]
            return read_dicom_picture(record.root / source, source, item.item_id, record.subject_id)
        files = [files_of_channel(item.files, role if self._roles else "") for role in self.modalities]
        sources = tuple(next(iter(own.values())) for own in files)
        read = [read_stack(record.root, own) for own in files]
        array, said = on_one_grid(read)
        remarks = [
            *(remark for one, source in zip(read, sources, strict=True) for remark in remarks_of(one, source, record)),
            *(Remark("geometry", sources[channel], record.subject_id, text) for channel, text in said),
        ]
        window = read[0].window if len(read) == 1 else None
        return Volume(array, read[0].grid.spacing, item.item_id, item.frame, sources, tuple(remarks), window)


def _is_dicom(path: Path) -> bool:
    try:
        return looks_like_dicom(path)
    except OSError:  # said of this file when it is looked at
        return False


ADAPTER = DicomAdapter
