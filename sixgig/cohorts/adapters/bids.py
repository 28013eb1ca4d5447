"""BIDS, the Brain Imaging Data Structure: folders of subjects and sessions, and tables of participants.

Gorgolewski et al., "The brain imaging data structure", Scientific Data 2016. Names of files tell everything that is
needed here, so that they are read without a library.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.cohorts import labels, patterns
from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.nifti import read_channels

_PARTICIPANTS = "participants.tsv"
_ID = "participant_id"
_DEFAULT = ("T1w",)
_FILE = re.compile(r"(?P<entities>(?:[A-Za-z0-9]+-[^_]+_)+)(?P<suffix>[A-Za-z0-9]+)\.nii(\.gz)?")
#: Parts of a complex image that are no picture of the anatomy.
_PARTS = ("phase", "real", "imag")


class BidsAdapter(Adapter):
    """One subject is one ``sub-`` folder; each of its sessions, runs and other variants is a volume.

    Classes come from the column of participants.tsv (or of the subjects' sessions.tsv) that ``bids: {label: ...}``
    names, or from the stanza's ``labels`` table, which then decides alone.
    """

    name = "bids"
    title = "BIDS data set"
    dimensions = 3
    subject_note = "subject-level split: one subject is one participant, with all sessions"
    layout = "the folder of a BIDS data set, with folders such as sub-01/anat or sub-01/ses-01/anat"
    known_modalities: tuple[str, ...] = _DEFAULT
    option_keys = ("bids", "labels", *labels.KEYS, *patterns.KEYS)

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.known_modalities = tuple(modalities or _DEFAULT)
        super().__init__(modalities, options)
        asked = self.options.get("bids") or {}
        self._label: str | None = asked.get("label")
        self._datatype: str = asked.get("datatype", "anat")
        self._sessions = {_value(text) for text in asked.get("session") or ()}
        entities = asked.get("entities") or {}
        self._entities = {key: None if text is None else _value(text) for key, text in entities.items()}

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a BIDS data set."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        if not any((folder / self._datatype).is_dir() for one in _subjects(root) for folder in _sessions(one)):
            return [f"{root} holds no folder such as sub-01/{self._datatype} or sub-01/ses-01/{self._datatype}"]
        return []

    def label_files(self, root: Path) -> list[Path]:
        """Return the table of labels, or the tables of participants and sessions."""
        if "labels" in self.options:
            return super().label_files(root)
        tables = [root / _PARTICIPANTS, *(_sessions_table(folder) for folder in _subjects(root))]
        return [path for path in tables if path.is_file()]

    def subject_values(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, str]] | None:
        """Return the columns of participants.tsv."""
        del names
        path = root / _PARTICIPANTS
        if not path.is_file():
            return None
        return {f"sub-{row[_ID].removeprefix('sub-')}": dict(row) for row in read_rows(path, (_ID,))}

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        reason = super().why_not_read(file)
        if reason:
            return reason
        if file.startswith(("derivatives/", "sourcedata/", "code/", "stimuli/")):
            return f"in {file.partition('/')[0]}, which is not looked at"
        if _FILE.fullmatch(file.rsplit("/", 1)[-1]):
            return "another suffix, session, entity or folder than those asked for"
        return "a description of files" if file.endswith((".json", ".tsv", ".bval", ".bvec")) else None

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        found = Discovery()
        items: dict[str, list[tuple[Item, str | None]]] = {}
        for folder in _subjects(root):
            own = [one for session in _sessions(folder) for one in self._items(root, folder.name, session, found)]
            lost = any(rejection.subject_id == folder.name for rejection in found.rejections)
            if own:
                items[folder.name] = own
            elif not lost and self.patterns.takes(folder.name):
                text = f"has no {self._datatype} file with the suffixes, sessions and entities asked for"
                found.remarks.append(Remark("not read", folder.name, folder.name, text))
        names = [folder.name for folder in _subjects(root)]
        classes = self._classes(root, names, items, found)
        for subject_id, own in items.items():
            own_classes = {classes.get(item.item_id) for item, _ in own}
            if len(own_classes) > 1:
                shown = ", ".join(sorted(str(label) for label in own_classes))
                reason = f"its sessions have several classes: {shown}; choose sessions by `bids: {{session: [...]}}`"
                found.rejections.append(Rejection(subject_id, subject_id, reason))
                continue
            found.records.append(Record(root, subject_id, own_classes.pop(), tuple(item for item, _ in own)))
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read the modalities of one session and run."""
        sources = tuple(item.files[name] for name in self.modalities)
        return read_channels([record.root / source for source in sources]).volume(record, item, sources)

    def _items(self, root: Path, subject_id: str, session: Path, found: Discovery) -> Iterator[tuple[Item, str | None]]:
        """Yield the volumes of one session, each with the session's name."""
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        own = session.name.removeprefix("ses-") if session.name.startswith("ses-") else None
        if self._sessions and (own is None or _value(own) not in self._sessions):
            return
        for path in sorted((session / self._datatype).glob("*")):
            match = _FILE.fullmatch(path.name)
            file = path.relative_to(root).as_posix()
            if match is None or match["suffix"] not in self.modalities or not self.patterns.takes(file):
                continue
            if self._fits(match["entities"]):
                groups[match["entities"].rstrip("_")].setdefault(match["suffix"], file)
        for name, files in groups.items():
            lacking = next((suffix for suffix in self.modalities if suffix not in files), None)
            if lacking is None:
                yield Item(name, {suffix: files[suffix] for suffix in self.modalities}), own
            else:
                first = next(iter(files.values()))
                found.rejections.append(Rejection(first, subject_id, f"there is no {name}_{lacking} beside it"))

    def _fits(self, entities: str) -> bool:
        there = dict(one.split("-", 1) for one in entities.rstrip("_").split("_"))
        if there.get("part") in _PARTS and "part" not in self._entities:
            return False
        return all(
            key not in there if value is None else key in there and _value(there[key]) == value
            for key, value in self._entities.items()
        )

    def _classes(
        self, root: Path, names: Sequence[str], items: Mapping[str, list[tuple[Item, str | None]]], found: Discovery
    ) -> dict[str, str | None]:
        """Return volume -> class."""
        own = [(subject_id, session, item.item_id) for subject_id, one in items.items() for item, session in one]
        table = labels.subject_labels(self.options, _aliases(names), found)
        path = Path(self.options["labels"]["file"]) if table is not None else root / _PARTICIPANTS
        if table is None and self._label is not None:
            if self._in_sessions(root):
                return self._by_session(root, own, found)
            cells = labels.ClassCells.of(self.options)
            table = labels.read_labels(path, _ID, self._label, cells, found)
            # A data set may be fetched in part, while its own table names all participants.
            labels.compare_ids(path, table, _aliases(names), found, max_unmatched=1.0)
        if table is None:
            text = "no column is named as the class (`bids: {label: ...}`): no subject has a class"
            found.remarks.append(Remark("label", _PARTICIPANTS, None, text))
            return {}
        absent = [name for name in items if not {name, name.removeprefix("sub-")} & table.keys()]
        labels.without_row(path, absent, found)
        return {item: table.get(name, table.get(name.removeprefix("sub-"))) for name, _, item in own}

    def _in_sessions(self, root: Path) -> bool:
        """Whether the column of classes is in the tables of sessions, and not in that of participants."""
        path = root / _PARTICIPANTS
        header = set().union(*(row.keys() for row in read_rows(path, ())[:1])) if path.is_file() else set()
        tables = [table for table in map(_sessions_table, _subjects(root)) if table.is_file()]
        return self._label not in header and bool(tables)

    def _by_session(
        self, root: Path, own: Sequence[tuple[str, str | None, str]], found: Discovery
    ) -> dict[str, str | None]:
        """Return volume -> class of the tables of sessions."""
        assert self._label is not None
        cells = labels.ClassCells.of(self.options)
        classes: dict[tuple[str, str], str | None] = {}
        places: list[tuple[str, str]] = []
        for folder in _subjects(root):
            path = _sessions_table(folder)
            if path.is_file():
                for session, label in labels.read_labels(path, "session_id", self._label, cells, found).items():
                    classes[folder.name, session.removeprefix("ses-")] = label
                    places += [(label, path.name)] if label is not None else []
        cells.check(root, places)
        absent = dict.fromkeys(name for name, session, _ in own if (name, session) not in classes)
        labels.without_row(root / "sessions.tsv", absent, found)
        return {item: classes.get((name, session or "")) for name, session, item in own}


def _aliases(names: Sequence[str]) -> list[str]:
    """Return the names of subjects with and without the prefix that tables may lack."""
    return [*names, *(name.removeprefix("sub-") for name in names)]


def _subjects(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("sub-*") if path.is_dir())


def _sessions(subject: Path) -> list[Path]:
    """Return the folders of a subject's sessions; its own where there are none."""
    return sorted(path for path in subject.glob("ses-*") if path.is_dir()) or [subject]


def _sessions_table(subject: Path) -> Path:
    return subject / f"{subject.name}_sessions.tsv"


def _value(text: str) -> str:
    """Return an entity's value; numbers may have zeros before them."""
    return text.lstrip("0") or "0" if text.isdigit() else text.removeprefix("ses-")


ADAPTER = BidsAdapter
