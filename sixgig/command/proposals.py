"""What a cohort's stanza may be, by what lies in a folder or a file; the adapters themselves say whether it fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sixgig.cohorts.base import Adapter, Discovery
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.images import PICTURES
from sixgig.cohorts.registry import adapter_names, load_adapter, open_adapter
from sixgig.errors import CohortError, ConfigError

#: Next step where subjects have no class.
GIVE_LABELS = "give a CSV with the columns subject_id and label: --labels FILE"
_VOLUMES = (".nii", ".nii.gz", ".hdr", ".img")
_SUBJECT = ("subject_id", "subject", "patient_id", "patient", "patientid", "participant_id", "participant", "case")
_LABEL = ("label", "class", "diagnosis", "target", "group", "grade", "category", "outcome")
_OFFICIAL = ("official", "split", "set", "partition")
_OFFICIAL_SETS = {"", "train", "training", "val", "validation", "test"}
#: Values that a column of classes may have at most.
_MOST_CLASSES = 20
_IN_SUBFOLDER = "^([^/]+)/"
_BEFORE_LAST_NUMBER = r"^(.+?)[_-][^_-]+\.\w+$"


@dataclass
class Proposal:
    """A stanza that an adapter can read, and what it finds.

    Attributes:
        stanza: The cohort's part of the study file.
        adapter: The adapter with the stanza's options.
        discovery: Its subjects, and inputs that it leaves out.
        notes: What the user should check, as sentences.
    """

    stanza: dict[str, Any]
    adapter: Adapter
    discovery: Discovery
    notes: list[str] = field(default_factory=list)


#: Options of a stanza, with what is to be said about them.
_Options = tuple[dict[str, Any], list[str]]


def propose(source: Path, labels: Path | None = None) -> Proposal:
    """Look at a folder or file and find the adapter that reads it.

    Args:
        source: The folder or file.
        labels: CSV with the class of each subject, for cohorts that carry none.

    Raises:
        ConfigError: No adapter can read it, or the one that can takes no labels.
        CohortError: It looks like a cohort, and its files cannot be used.
    """
    if not source.exists():
        raise ConfigError(source, "does not exist", "name a folder, a file, or a public cohort by name")
    lacking = {name: load_adapter(name)().missing(source) for name in _ordered_names()}
    fitting = [name for name, problems in lacking.items() if not problems]
    if not fitting:
        reasons = "".join(f"\n    {name}: {problems[0]}" for name, problems in lacking.items())
        layouts = "".join(f"\n    {name}: {load_adapter(name).layout}" for name in lacking)
        raise ConfigError(source, f"is nothing that sixgig reads:{reasons}", f"name one of these:{layouts}")
    name, *others = fitting
    found = _first_that_reads(source, name, labels)
    if others:
        found.notes.append(f"it is read by the adapter {name}; {' and '.join(others)} could read something there too")
    return found


def label_options(name: str, labels: Path | None) -> dict[str, Any]:
    """Return the key ``labels`` of a stanza; nothing without a table.

    Args:
        name: The adapter.
        labels: CSV with a column of subjects and one of classes.

    Raises:
        ConfigError: The adapter finds the classes itself, or the table has no such columns.
    """
    if labels is None:
        return {}
    if "labels" not in load_adapter(name).option_keys:
        reason = f"is not used: {load_adapter(name).title} carries its classes itself"
        raise ConfigError("--labels", reason, "leave it out")
    rows = read_rows(labels, ())
    header = list(rows[0]) if rows else []
    subject = _named(header, _SUBJECT) or (header[0] if header else None)
    label = _named(header, _LABEL) or _class_column(rows, {subject})
    if subject is None or label is None:
        raise ConfigError(labels, "has no column of classes", "write a CSV with the columns subject_id and label")
    return {"labels": {"file": str(labels), "subject": subject, "label": label}}


def _ordered_names() -> list[str]:
    """Adapters by how particular they are: a CSV may lie in any folder, and DICOM's files have to be looked for."""
    last = {"image_folder": 1, "dicom": 2, "table": 3}
    return sorted(adapter_names(), key=lambda name: (last.get(name, 0), name))


def _first_that_reads(source: Path, name: str, labels: Path | None) -> Proposal:
    given = label_options(name, labels)
    problem: CohortError | None = None
    for options, notes in _OPTIONS.get(name, _no_options)(source):
        stanza = {"adapter": name, "source": {"path": str(source)}, **options, **given}
        adapter = open_adapter(stanza)
        try:
            return Proposal(stanza, adapter, adapter.discover(source), notes)
        except CohortError as error:
            problem = problem or error
    assert problem is not None  # every adapter has at least one way to be opened
    raise problem


def _no_options(source: Path) -> list[_Options]:
    return [({}, [])]


def _brats(source: Path) -> list[_Options]:
    chosen = ["flair", "t1ce", "t2"]
    return [({"modalities": chosen}, [f"an image shows three of the four modalities: {', '.join(chosen)}"])]


def _medmnist(source: Path) -> list[_Options]:
    return [({}, []), ({"dimensions": 3, "crop": "none"}, [])]


def _msd(source: Path) -> list[_Options]:
    index = next(path for path in (source / "dataset.json", *source.glob("*/dataset.json")) if path.is_file())
    try:
        listed = json.loads(index.read_text(encoding="utf-8-sig"))["modality"]
        names = [listed[key] for key in sorted(listed, key=int)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [({}, [])]  # the adapter says what is wrong with the file
    if len(names) <= 3:
        return [({}, [])]
    return [({"modalities": names[:3]}, [f"an image shows three of {', '.join(names)}: change `modalities` at will"])]


def _image_folder(source: Path) -> list[_Options]:
    kind = load_adapter("image_folder")
    found = kind().discover(source)
    below = [PurePosixPath(item.files["image"]) for record in found.records for item in record.items]
    classes_at = 2 if any(record.official for record in found.records) else 1
    if all(len(path.parts) > classes_at + 1 for path in below):
        note = "each folder below a class's folder counts as one subject: is it a patient?"
        return [({"subject_pattern": _IN_SUBFOLDER}, [note])]
    note = "every image counts as a subject. If patients have several images, set `subject_pattern`: else images of one"
    note += " patient are in training and in test"
    grouped = kind(options={"subject_pattern": _BEFORE_LAST_NUMBER}).discover(source)
    if not grouped.rejections and 2 * len({record.label for record in found.records}) < len(grouped.records) < len(
        below
    ):
        example = grouped.records[0].subject_id
        note += f". The pattern '{_BEFORE_LAST_NUMBER}' would give {len(grouped.records)} subjects, such as {example}"
    return [({}, [note])]


def _table(source: Path) -> list[_Options]:
    path = source if source.is_file() else next(iter(source.glob("*.csv")))
    rows = read_rows(path, ())
    header = list(rows[0]) if rows else []
    volumes = [name for name in header if _mostly(rows, name, _VOLUMES)]
    files = volumes or [name for name in header if _mostly(rows, name, PICTURES)]
    if not files:
        kinds = ", ".join((*PICTURES, *_VOLUMES))
        reason = f"has no column whose cells end in {kinds}; it has {', '.join(header) or 'no rows'}"
        raise ConfigError(path, reason, "write one row for each image or volume, with its file's path")
    subject, label = _named(header, _SUBJECT), _named(header, _LABEL)
    label = label or _class_column(rows, {*files, subject})
    if label is None:
        raise ConfigError(path, f"has no column of classes; it has {', '.join(header)}", "call that column label")
    notes = [f"the class is the column {label}"]
    if subject is None:
        subject = files[0]
        notes.append(f"no column names the subject, so every row is one: {_LEAK}")
    else:
        notes.append(f"the subject is the column {subject}")
    columns: dict[str, Any] = {"subject": subject, "label": label}
    if len(volumes) > 1:
        columns = {"paths": {name: name for name in volumes[:3]}, **columns}
    else:
        columns = {"path": files[0], **columns}
    official = _named(header, _OFFICIAL)
    if official and {row[official].lower() for row in rows} <= _OFFICIAL_SETS:
        columns["official"] = official
    frame = _named(header, ("frame", "phase"))
    if frame and {row[frame].upper() for row in rows} <= {"", "ED", "ES"}:
        columns["frame"] = frame
    return [({"columns": columns, **({"dimensions": 3} if volumes else {})}, notes)]


_LEAK = "if patients have several, add a column subject_id, else one patient is in training and in test"
#: Ways to open an adapter, the first that reads counts; adapters that are not here need no options.
_OPTIONS: dict[str, Callable[[Path], Sequence[_Options]]] = {
    "brats": _brats,
    "image_folder": _image_folder,
    "medmnist": _medmnist,
    "msd": _msd,
    "table": _table,
}


def _named(header: Sequence[str], names: Sequence[str]) -> str | None:
    lower = {name.lower().replace(" ", "_"): name for name in header}
    return next((lower[name] for name in names if name in lower), None)


def _mostly(rows: Sequence[Mapping[str, str]], column: str, endings: tuple[str, ...]) -> bool:
    return sum(row[column].lower().endswith(endings) for row in rows) > 0.9 * len(rows)


def _class_column(rows: Sequence[Mapping[str, str]], others: set[str | None]) -> str | None:
    """The column with the fewest values, of those with at least two and several rows for each."""
    values = {name: {row[name] for row in rows} - {""} for name in (rows[0] if rows else {}) if name not in others}
    most = min(_MOST_CLASSES, len(rows) // 2)
    fitting = [name for name, own in values.items() if 2 <= len(own) <= most]
    return min(fitting, key=lambda name: len(values[name]), default=None)
