"""The text of a CSV file, in whatever encoding a spreadsheet saved it."""

from __future__ import annotations

import codecs
import logging
from pathlib import Path

from sixgig.errors import CohortError

_log = logging.getLogger(__name__)
#: The first bytes of files that are called CSV and are none.
_OTHERS = {
    b"PK\x03\x04": "an Excel workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF file",
    b"{\\rtf": "a document (.rtf)",
}
#: The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What may stand around a cell's text and is not seen: white space, marks of byte order, characters without a width.
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060\0"


def read_text(path: Path) -> str:
    """Read a text file.

    UTF-8, UTF-16 and UTF-32 with a byte-order mark, UTF-8 and UTF-16 without one, else Windows-1252 (logged).

    Raises:
        CohortError: It cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CohortError(path, f"cannot be read: {error.strerror}", "correct the path in the study file") from error
    for start, kind in _OTHERS.items():
        if data.startswith(start):
            raise CohortError(path, f"is {kind}, not a CSV file", "open it, and save it as CSV (UTF-8)")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _wide(data) or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if not encoding.startswith("utf-8"):
            raise CohortError(path, f"is not {encoding.upper()} throughout", "save it again as CSV, UTF-8") from error
    _log.warning("%s is not UTF-8: read as Windows-1252", path)
    return data.decode("cp1252", errors="replace")


def clean(cell: str) -> str:
    """Return a cell's text without what is not seen around it."""
    before = None
    while cell != before:
        before, cell = cell, cell.strip().strip(_UNSEEN)
    return cell


def _wide(data: bytes) -> str | None:
    """Tell UTF-16 without a mark by its zero bytes: nearly every second one, where letters are Latin."""
    start = data[:1000]
    if len(start) < 4:
        return None
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > 0.4 * len(start) / 2 and odd > 4 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * len(start) / 2 and even > 4 * odd else None
