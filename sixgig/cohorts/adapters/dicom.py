"""DICOM: series below a folder, one volume each, or pictures, one file each; found by their headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from sixgig.cohorts.base import Adapter, Discovery, Image2D, Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.csv_rows import check_overlap, label_table
from sixgig.cohorts.dicom.candidates import Candidates, find
from sixgig.cohorts.dicom.choosing import ASK, WAYS, choose
from sixgig.cohorts.dicom.files import files_below, looks_like_dicom
from sixgig.cohorts.dicom.folder import Folder, scan
from sixgig.cohorts.dicom.grids import on_one_grid
from sixgig.cohorts.dicom.headers import Header
from sixgig.cohorts.dicom.picture import read_dicom_picture
from sixgig.cohorts.dicom.selecting import Selection
from sixgig.cohorts.dicom.stacks import Stack
from sixgig.cohorts.dicom.subjects import Subjects
from sixgig.cohorts.dicom.volume import files_of, read_stack, remarks_of
from sixgig.errors import CohortError, ConfigError

_ONE = "image"


class DicomAdapter(Adapter):
    """One subject is one ``PatientID``, unless ``subject`` or ``subject_pattern`` says otherwise.

    Volumes: each series that ``select`` leaves is one, when it has four slices or more, is no localizer, projection or
    screen capture, and ``series`` takes it. Pictures, with ``dimensions: 2``: each file is one. Labels come from the
    ``labels`` table of the stanza.
    """

    name = "dicom"
    title = "DICOM series"
    option_keys = ("labels", "select", "series", "subject", "subject_pattern", "dimensions")
    layout = "a folder with DICOM files, in any folders below it"
    subject_note = "subject-level split: one subject is one PatientID"

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        given = dict(options or {})
        self.dimensions = cast(Literal[2, 3], given.get("dimensions", 3))
        self._series = given.get("series", ASK)
        self._roles: dict[str, Selection] = {}
        if isinstance(self._series, Mapping):
            self._roles = {str(role): Selection(asked, "series") for role, asked in self._series.items()}
        elif self._series not in WAYS:
            raise ConfigError("series", f"is {self._series!r}", f"write {', '.join(WAYS)}, or a series for each channel")
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
        folder = scan(root, self._subjects, [*wanted, *(tag for role in self._roles.values() for tag in role.wanted)])
        remarks = folder.remarks + self._subjects.check(folder.images, root, self.dimensions)
        rejections = list(folder.rejections)
        self._check_selection(folder, root)
        if self.dimensions == 2:
            items = self._pictures(folder.images, rejections, remarks)
        elif self._roles:
            items = self._channels(folder.images, root, rejections, remarks)
        else:
            items = self._volumes(folder.images, root, rejections, remarks)
        labels = label_table(self.options)
        if labels is not None:
            check_overlap(labels, list(items), self.options["labels"]["file"])
        records = [
            Record(root, subject, (labels or {}).get(subject), tuple(own)) for subject, own in sorted(items.items())
        ]
        return Discovery(records, rejections, remarks)

    def read_item(self, record: Record, item: Item) -> Volume | Image2D:
        """Read one volume, or one picture."""
        if self.dimensions == 2:
            source = item.files[_ONE]
            return read_dicom_picture(record.root / source, source, item.item_id, record.subject_id)
        channels = []
        remarks: list[Remark] = []
        for role in self.modalities:
            files = _files_of_role(item.files, role) if self._roles else item.files
            channels.append(read := read_stack(record.root, files))
            remarks += remarks_of(read, next(iter(files.values())), record.subject_id)
        sources = tuple(next(iter(_files_of_role(item.files, role).values())) for role in self._roles)
        sources = tuple(sources[list(self._roles).index(role)] for role in self.modalities) if sources else (
            next(iter(item.files.values())),
        )
        array, said = on_one_grid(channels)
        remarks += [Remark("geometry", sources[channel], record.subject_id, text) for channel, text in said]
        first = channels[0]
        window = first.window if len(channels) == 1 else None
        return Volume(array, first.spacing, item.item_id, item.frame, sources, tuple(remarks), window)
