"""CSV files of users: whatever a spreadsheet writes, as rows of stripped text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from sixgig.cohorts.checks import did_you_mean
from sixgig.cohorts.csv_text import clean, read_text
from sixgig.errors import CohortError

_DELIMITERS = ",;\t|"
#: A first line that tells a spreadsheet the delimiter, and that it does not show.
_TOLD = re.compile(r'\s*"?sep=(.)"?[ ,;]*(\r\n|\r|\n)', re.IGNORECASE)
#: The header is looked for in this many lines: above it there may be a title.
_ABOVE = 30
_EMPTY = "write a header and one row for each subject or image"


class MissingColumnError(CohortError):
    """A CSV lacks a column that the study file names.

    Attributes:
        column: The first one that is not there.
    """

    column = ""


class Row(dict[str, str]):
    """Column -> text.

    Attributes:
        number: The row's number as a spreadsheet shows it.
    """

    number: int = 0


def read_rows(path: Path, required: Sequence[str]) -> list[Row]:
    """Read a CSV file.

    Any encoding that :func:`read_text` knows; comma, semicolon, tab or bar, whichever splits the header best, or the
    one that a first line such as ``sep=;`` tells; any line ends. The header is the first line that holds the required
    columns, so that a title and blank lines may stand above it. Blank lines are left out.

    Args:
        path: The file.
        required: Columns that the file must have.

    Returns:
        One mapping of column to text a row, white space and characters that are not seen stripped; missing cells are
        empty. Columns without a name are left out.

    Raises:
        CohortError: The file cannot be read, is empty, lacks a column, names one twice, or has a row that is too long.
    """
    header, found = open_table(path, required)
    rows = []
    for number, cells in found:
        padded = [*cells, *[""] * (len(header) - len(cells))]
        row = Row((name, cell) for name, cell in zip(header, padded, strict=False) if name)
        row.number = number
        rows.append(row)
    return rows


def _require(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    """Refuse a header that lacks a column, or names one twice."""
    lacking = [name for name in required if name not in header]
    if lacking:
        missing = MissingColumnError(
            path,
            f"lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}; "
            f"it has {', '.join(name for name in header if name)}",
            f"{did_you_mean(lacking[0], header)}name its columns in the study file, or rename them in the CSV",
        )
        missing.column = lacking[0]
        raise missing
    twice = sorted({name for name in required if header.count(name) > 1})
    if twice:
        raise CohortError(path, f"has the column {twice[0]} twice", "rename one of the two")


def _checked(path: Path, number: int, cells: list[str], header: Sequence[str]) -> list[str]:
    """Return a row's cells; refuse more than the header has."""
    if any(cells[len(header) :]):
        raise CohortError(
            path,
            f"row {number} has {len(cells)} cells, and the header {len(header)}",
            "put text that holds the delimiter, and numbers with a decimal comma, between double quotes",
        )
    return cells


def open_table(path: Path, required: Sequence[str]) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Begin to read a CSV file of many columns, as :func:`read_rows` reads it; rows come one by one.

    Returns:
        The header, and the rows below it that are not blank: number as a spreadsheet shows it, and cells.

    Raises:
        CohortError: As :func:`read_rows`; a mistake in a row is found when the row is reached.
    """
    rows = _rows(path, required)
    first = list(islice(rows, _ABOVE))
    if not first:
        raise CohortError(path, "is empty", _EMPTY)
    place = _header(first, required)
    header = first[place][1]
    _require(path, header, required)
    return header, (
        (number, _checked(path, number, cells, header)) for number, cells in chain(first[place + 1 :], rows)
    )


def _rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with its number in a spreadsheet."""
    text = read_text(path)
    told = _TOLD.match(text)
    delimiter = told[1] if told else _delimiter(text, required)
    lines = io.StringIO(text[told.end() :] if told else text, newline="")
    try:
        for number, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1):
            found = [clean(cell) for cell in cells]
            if any(found):
                yield number, found
    except (csv.Error, TypeError, ValueError) as error:
        raise CohortError(path, f"is not a CSV file: {error}", "save it again as CSV, UTF-8") from error


def _delimiter(text: str, required: Sequence[str]) -> str:
    """Return the delimiter that splits a line into the most of the required columns, or the first line that it can."""
    lines = re.split(r"\r\n|\r|\n", text[:100_000])[:_ABOVE]
    if not required:
        lines = [line for line in lines if any(sign in line for sign in _DELIMITERS)][:1]

    def fit(sign: str) -> tuple[int, int]:
        return max(((_matches(line, sign, required), line.count(sign)) for line in lines), default=(0, 0))

    return max(_DELIMITERS, key=fit)


def _matches(line: str, delimiter: str, required: Sequence[str]) -> int:
    cells = {clean(clean(cell).strip('"')) for cell in line.split(delimiter)}
    return sum(name in cells for name in required)


def _header(table: Sequence[tuple[int, list[str]]], required: Sequence[str]) -> int:
    """Return which row is the header: the first with all required columns, else the first of more than one cell."""
    above = [cells for _, cells in table[:_ABOVE]]
    if required:
        for place, cells in enumerate(above):
            if set(required) <= set(cells):
                return place
    wide = (place for place, cells in enumerate(above) if sum(map(bool, cells)) > 1)
    return next(wide, 0)
