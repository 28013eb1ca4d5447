"""Classes that a user gives in a table: which cells hold none, and whose they are."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sixgig.cohorts.base import Discovery, Remark
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.csv_text import clean
from sixgig.errors import CohortError
from sixgig.runtime.paths import user_path

#: Keys of a cohort's stanza that say which cells hold no class.
KEYS = ("missing", "classes")
#: What R, pandas, spreadsheets, BIDS and people write where there is no class; an empty cell is always missing.
MISSING = ("NA", "N/A", "#N/A", "<NA>", "nan", "None", "NULL", "-", "?")
#: Share of a table's subjects that the cohort may lack.
MAX_UNMATCHED = 0.1
_SHOWN = 3
_ENDING = re.compile(r"\.(nii|hdr|img|mha|nrrd|dcm|png|jpe?g|tiff?|bmp)(\.gz)?$", re.IGNORECASE)
_DECIMAL = re.compile(r"([+-]?\d+)[.,](\d*)")
_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d)")
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DATE = re.compile(
    rf"\d{{1,4}}-{_MONTH}(-\d{{2,4}})?|{_MONTH}-\d{{1,4}}|\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}( 0:00(:00)?)?",
    re.IGNORECASE,
)
_POWER = re.compile(r"\d[.,]\d+e\+\d+", re.IGNORECASE)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassCells:
    """How the cells of a column of classes are read.

    Attributes:
        missing: Words, in lower case, that mean that there is no class.
        declared: Classes that the stanza names, as they are written there.
    """

    missing: frozenset[str]
    declared: frozenset[str]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> ClassCells:
        """Return what a stanza asks for: its key ``missing`` replaces the words, ``classes`` takes some out."""
        listed = options.get("missing")
        words = MISSING if listed is None else listed
        declared = frozenset(str(name) for names in (options.get("classes") or {}).values() for name in names)
        missing = {clean(str(word)).lower() for word in words} - {name.lower() for name in declared}
        return cls(frozenset(missing | {""}), declared)

    def read(self, cell: str) -> str | None:
        """Return a cell's class, None where it holds none."""
        cell = clean(cell)
        return None if cell.lower() in self.missing else cell

    def check(self, path: object, classes: Iterable[tuple[str, str]]) -> None:
        """Refuse classes that are told apart by case, spaces or the form of a number alone.

        Args:
            path: The table, for the message.
            classes: Class, and where it is, such as ``row 3``; classes that the stanza names are taken as they are.

        Raises:
            CohortError: Two classes look alike.
        """
        seen: dict[str, tuple[str, str]] = {}
        for name, where in classes:
            other, there = seen.setdefault(alike(name), (name, where))
            if other != name and not {other, name} <= self.declared:
                raise CohortError(
                    path,
                    f"has the classes {other!r} ({there}) and {name!r} ({where}): {_difference(other, name)}",
                    "write one name in all rows, or put both into a class by the cohort's key `classes`, such as "
                    f"{{{other}: [{other}, {name}], ...}}",
                )


def subject_labels(options: Mapping[str, Any], names: Sequence[str], found: Discovery) -> dict[str, str | None] | None:
    """Read the table that the ``labels`` key of a cohort's stanza names, and compare its ids with the cohort's.

    Args:
        options: The adapter's options.
        names: What the table may call the cohort's subjects, those that cannot be used too.
        found: Gets a remark on each id that is not in the cohort, and the ids.

    Returns:
        Id in the table -> class, None where the cell is empty or missing; None without that key.

    Raises:
        CohortError: The table cannot be read (see :func:`read_labels`), writes the ids in another way than the cohort,
            or names too many subjects that are not there.
    """
    asked = options.get("labels")
    if not asked:
        return None
    file = user_path(asked["file"])
    columns = asked.get("subject", "subject_id"), asked.get("label", "label")
    labels = read_labels(file, *columns, ClassCells.of(options), found)
    compare_ids(file, labels, names, found, float(asked.get("max_unmatched", MAX_UNMATCHED)))
    return labels


def read_labels(
    path: Path, subject: str, label: str, cells: ClassCells, found: Discovery | None = None
) -> dict[str, str | None]:
    """Read which class each subject has.

    Args:
        path: The CSV.
        subject: Column with the subject's name.
        label: Column with the class.
        cells: Which cells hold no class.
        found: Gets a remark on each cell with a word that is taken as no class.

    Returns:
        Subject -> class; None where there is none.

    Raises:
        CohortError: See :func:`read_rows`; a subject is listed with two classes, a row names no subject, or two classes
            are told apart by case or spaces alone.
    """
    labels: dict[str, str | None] = {}
    places: dict[str, int] = {}
    for row in read_rows(path, (subject, label)):
        name, value = row[subject], cells.read(row[label])
        if not name:
            reason = f"has a row ({row.number}) of class {value} without a subject"
            raise CohortError(path, reason, f"fill in the column {subject}")
        if name in labels and labels[name] != value:
            reason = f"lists {name} as {labels[name]} (row {places[name]}) and as {value} (row {row.number})"
            raise CohortError(path, reason, "keep the right row of the two")
        if value is None and row[label] and found is not None and name not in labels:
            found.remarks.append(Remark("label", path.name, name, no_class(row[label])))
        labels.setdefault(name, value)
        places.setdefault(name, row.number)
    cells.check(path, ((value, f"row {places[name]}") for name, value in labels.items() if value is not None))
    return labels


def no_class(cell: str) -> str:
    """Say that a cell's word is taken as no class."""
    return f"{cell!r} is taken as no class; list what is missing under `missing` if it is one"


def compare_ids(
    path: Path, ids: Iterable[str], names: Sequence[str], found: Discovery, max_unmatched: float = MAX_UNMATCHED
) -> None:
    """Compare the ids of a table with the names of the cohort, as text.

    Args:
        path: The table.
        ids: Its ids.
        names: What it may call the cohort's subjects.
        found: Gets a remark on each id that is not in the cohort, and the ids.
        max_unmatched: Share of the ids that the cohort may lack.

    Raises:
        CohortError: An id is written in another way than the cohort's, no id is in the cohort, or too many are not.
    """
    ids = list(dict.fromkeys(ids))
    if not ids or not names:
        return
    absent = sorted(set(ids) - set(names))
    _refuse_near(path, absent, sorted(set(names) - set(ids)))
    shown = ", ".join(absent[:_SHOWN]) + (", ..." if len(absent) > _SHOWN else "")
    if len(absent) == len(ids):
        raise CohortError(
            path,
            f"names no subject of the cohort: it has {absent[0]} ..., and the cohort {sorted(names)[0]} ..."
            f"{spoilt(absent)}",
            "write the subjects as the cohort's folders name them",
        )
    if len(absent) > max_unmatched * len(ids):
        raise CohortError(
            path,
            f"of its {len(ids)} subjects {len(absent)} are not in the cohort ({shown}), and {max_unmatched:.0%} are "
            f"allowed{spoilt(absent)}",
            "correct these ids, remove their rows, or allow a larger share by `labels: {max_unmatched: ...}`",
        )
    if absent:
        _log.warning("%d subjects of %s are not in the cohort: %s", len(absent), path, shown)
    found.remarks.extend(Remark("label", path.name, name, "no subject of the cohort has this id") for name in absent)
    found.unmatched.extend(absent)


def without_row(path: Path, subjects: Iterable[str], found: Discovery) -> None:
    """Remark on subjects that a table of labels does not name: they can be used for pretraining."""
    text = "the table of labels does not name this subject: it has no class"
    found.remarks.extend(Remark("label", path.name, name, text) for name in subjects)


def alike(name: str) -> str:
    """Return what two names share that people take for the same: no case, one form of letters, spaces and numbers."""
    name = " ".join(clean(unicodedata.normalize("NFKC", name)).casefold().split())
    decimal = _DECIMAL.fullmatch(name)
    return f"{decimal[1]}.{decimal[2].rstrip('0')}".rstrip(".") if decimal else name


def _id_key(name: str) -> str:
    """Return what ids share that were written in several ways: see :func:`alike`, and zeros, folders and endings."""
    name = alike(_ENDING.sub("", PurePosixPath(clean(name).replace("\\", "/")).name or name))
    return _ZEROS.sub("", re.sub(r"[_-]+", "-", re.sub(r"\s+", "", name)).removeprefix("sub-"))


def near_names(absent: Sequence[str], unnamed: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the pairs of names that are one but for the writing, and what tells them apart.

    Args:
        absent: Names of a table that the cohort does not have.
        unnamed: Names of the cohort that the table does not have.
    """
    there: dict[str, list[str]] = defaultdict(list)
    for name in unnamed:
        there[_id_key(name)].append(name)
    pairs = [(name, there[_id_key(name)][0]) for name in absent if _id_key(name) in there]
    return [(name, other, _difference(name, other)) for name, other in pairs]


def _refuse_near(path: Path, absent: Sequence[str], unnamed: Sequence[str]) -> None:
    near = near_names(absent, unnamed)
    if not near:
        return
    shown = "; ".join(f"{name!r} there, {other!r} in the cohort: {why}" for name, other, why in near[:_SHOWN])
    more = f"; and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
    raise CohortError(
        path,
        f"writes subjects in another way than the cohort: {shown}{more}",
        "write the ids as the cohort does; they are compared as text, so format that column as text before you save it",
    )


def _difference(one: str, other: str) -> str:
    """Say what tells two names apart that look alike."""
    forms = unicodedata.normalize("NFC", one), unicodedata.normalize("NFC", other)
    if forms[0] == forms[1]:
        return "they look the same, with letters and accents stored in another way (NFC and NFD)"
    if "".join(forms[0].split()) == "".join(forms[1].split()):
        return "they differ by spaces"
    if forms[0].casefold() == forms[1].casefold():
        return "they differ by case"
    if _ENDING.sub("", forms[0]) == _ENDING.sub("", forms[1]):
        return "one is the name of a file"
    if alike(one) == alike(other):
        return "they are one number, or differ by case and spaces"
    return "they differ by leading zeros" if _ZEROS.sub("", forms[0]) == _ZEROS.sub("", forms[1]) else "they look alike"


def spoilt(names: Sequence[str]) -> str:
    """Say when ids look like what a spreadsheet makes of them."""
    date = next((name for name in names if _DATE.fullmatch(name)), None)
    power = next((name for name in names if _POWER.fullmatch(name)), None)
    if date:
        return f" ({date} looks like an id that a spreadsheet turned into a date)"
    return f" ({power} looks like a long number that a spreadsheet shortened)" if power else ""


def same_but_for_writing(names: Sequence[str]) -> list[list[str]]:
    """Return groups of names that differ by case, spaces or the form of their letters alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[" ".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    return [group for group in groups.values() if len(set(group)) > 1]
