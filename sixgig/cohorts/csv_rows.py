"""CSV files of users: whatever a spreadsheet writes, as rows of stripped text."""

from __future__ import annotations

import csv
import difflib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.errors import CohortError
from sixgig.runtime.paths import user_path

_DELIMITERS = ",;\t"
_log = logging.getLogger(__name__)


class MissingColumnError(CohortError):
    """A CSV lacks a column that the study file names.

    Attributes:
        column: The first one that is not there.
    """

    column = ""


def read_rows(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file.

    UTF-8 with or without a byte-order mark, else Windows-1252 (logged); comma, semicolon or tab, whichever splits the
    header best; any line ends. Blank lines are left out.

    Args:
        path: The file.
        required: Columns that the file must have.

    Returns:
        One mapping of column to text a row, white space stripped; missing cells are empty.

    Raises:
        CohortError: The file cannot be read, is empty, lacks a column, names one twice, or has a row that is too long.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CohortError(path, f"cannot be read: {error.strerror}", "correct the path in the study file") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        _log.warning("%s is not UTF-8: read as Windows-1252", path)
    lines = [line for line in text.splitlines() if line.strip().strip(_DELIMITERS)]
    if not lines:
        raise CohortError(path, "is empty", "write a header and one row for each subject or image")
    delimiter = max(_DELIMITERS, key=lambda sign: (_matches(lines[0], sign, required), lines[0].count(sign)))
    try:
        table = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CohortError(path, f"is not a CSV file: {error}", "save it again as CSV, UTF-8") from error
    header = [name.strip() for name in table[0]]
    lacking = [name for name in required if name not in header]
    if lacking:
        close = difflib.get_close_matches(lacking[0], header, n=1)
        hint = f"did you mean {close[0]}? Else " if close else ""
        missing = MissingColumnError(
            path,
            f"lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}; it has {', '.join(header)}",
            f"{hint}name its columns in the study file, or rename them in the CSV",
        )
        missing.column = lacking[0]
        raise missing
    twice = sorted({name for name in required if header.count(name) > 1})
    if twice:
        raise CohortError(path, f"has the column {twice[0]} twice", "rename one of the two")
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        if any(cell.strip() for cell in cells[len(header) :]):
            raise CohortError(
                path,
                f"row {number} has {len(cells)} cells, and the header {len(header)}",
                "put text that holds the delimiter between double quotes",
            )
        padded = [*cells, *[""] * (len(header) - len(cells))]
        rows.append({name: cell.strip() for name, cell in zip(header, padded, strict=False)})
    return rows


def read_labels(path: Path, subject: str, label: str) -> dict[str, str | None]:
    """Read which class each subject has.

    Args:
        path: The CSV.
        subject: Column with the subject's name.
        label: Column with the class.

    Returns:
        Subject -> class; None where the cell is empty.

    Raises:
        CohortError: See :func:`read_rows`; or a subject is listed with two classes, or a row names no subject.
    """
    labels: dict[str, str | None] = {}
    for row in read_rows(path, (subject, label)):
        name, value = row[subject], row[label] or None
        if not name:
            raise CohortError(path, f"has a row of class {value} without a subject", f"fill in the column {subject}")
        if name in labels and labels[name] != value:
            raise CohortError(path, f"lists {name} as {labels[name]} and as {value}", "keep the right row of the two")
        labels[name] = value
    return labels


def label_table(options: Mapping[str, Any]) -> dict[str, str | None] | None:
    """Read the table that the ``labels`` key of a cohort's stanza names; None without that key.

    Raises:
        CohortError: See :func:`read_labels`.
    """
    asked = options.get("labels")
    if not asked:
        return None
    file = user_path(asked["file"])
    return read_labels(file, asked.get("subject", "subject_id"), asked.get("label", "label"))


def check_overlap(labels: Mapping[str, str | None], subjects: Sequence[str], path: object) -> None:
    """Check that a table of labels is about these subjects; log those that are not there.

    Raises:
        CohortError: Not one subject of the table exists.
    """
    absent = sorted(set(labels) - set(subjects))
    if labels and subjects and len(absent) == len(labels):
        raise CohortError(
            path,
            f"names no subject of the cohort: it has {absent[0]} ..., and the cohort {sorted(subjects)[0]} ...",
            "write the subjects as the cohort's folders name them",
        )
    if absent:
        _log.warning("%d subjects of %s are not in the cohort, such as %s", len(absent), path, absent[0])


def _matches(line: str, delimiter: str, required: Sequence[str]) -> int:
    cells = {cell.strip().strip('"') for cell in line.split(delimiter)}
    return sum(name in cells for name in required)
