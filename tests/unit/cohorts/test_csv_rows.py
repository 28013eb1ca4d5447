"""CSV files as spreadsheets and people write them."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.cohorts.csv_rows import read_rows
from sixgig.errors import CohortError

ROWS = [{"subject_id": "João 1", "label": "a, b"}, {"subject_id": "s2", "label": ""}]


@pytest.mark.parametrize(
    "content",
    [
        'subject_id,label\n"João 1","a, b"\ns2,\n'.encode(),
        b"\xef\xbb\xbf" + "subject_id;label\r\nJoão 1;a, b\r\n\r\ns2\r\n".encode(),
        "subject_id\tlabel\rJoão 1\ta, b\rs2\t".encode(),
        " subject_id ; label \nJoão 1 ; a, b \n;;\ns2 ; \n".encode("cp1252"),
    ],
    ids=["plain", "mark, semicolons, windows", "tabs, old mac", "windows-1252, spaces, empty line"],
)
def test_every_dialect_gives_the_same_rows(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "coorte é.csv"
    path.write_bytes(content)
    assert read_rows(path, ["subject_id", "label"]) == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n;;\n", "is empty"),
        (b"id,label\n1,a\n", "lacks the column subject_id; it has id, label"),
        (b"subject_id,label,label\n1,a,b\n", "has the column label twice"),
        (b"subject_id,label\n1,a,b\n", "row 2 has 3 cells, and the header 2"),
        (b'subject_id,label\n"1,a\n', "is not a CSV file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(CohortError, match=rf"t\.csv: {message}"):
        read_rows(path, ["subject_id", "label"])


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="cannot be read: No such file"):
        read_rows(tmp_path / "t.csv", [])


PLAIN = "path;subject_id;label\na.nii;Müller;x\nb.nii;b;1,5\n"
READ = [
    {"path": "a.nii", "subject_id": "Müller", "label": "x"},
    {"path": "b.nii", "subject_id": "b", "label": "1,5"},
]


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (b"sep=;\n" + PLAIN.encode(), 2),  # a spreadsheet does not show that line
        (b"\xef\xbb\xbfsep=;\r\n" + PLAIN.encode(), 2),
        (PLAIN.replace(";", "\t").encode("utf-16"), 2),
        (PLAIN.encode("utf-16-le"), 2),
        (PLAIN.encode("utf-16-be"), 2),
        (PLAIN.encode("utf-32"), 2),
        (PLAIN.replace(";", "|").encode(), 2),
        (b"Export of 3 March, all wards\n\n" + PLAIN.encode(), 4),
        (b"\r\n\r\n" + PLAIN.replace("\n", "\r\n").encode(), 4),
        (PLAIN.replace("\n", ";;\n").encode(), 2),
        (PLAIN.replace("label", "\u200blabel\ufeff ").encode(), 2),
    ],
    ids=["sep", "mark and sep", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "bars", "title", "blank lines",
         "columns without a name", "characters that are not seen"],
)  # fmt: skip
def test_csv_files_of_clinics(tmp_path: Path, content: bytes, first: int) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    rows = read_rows(path, ["path", "subject_id", "label"])
    assert rows == READ
    assert [row.number for row in rows] == [first, first + 1]


def test_rows_have_the_numbers_of_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'id,note\na,see\x0bbelow\n\nb,"two\nlines, one cell"\nc,\x1c\n')
    rows = read_rows(path, ["id"])
    assert [(row.number, row["id"], row["note"]) for row in rows] == [
        (2, "a", "see\x0bbelow"), (4, "b", "two\nlines, one cell"), (5, "c", "")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PK\x03\x04rest", "is an Excel workbook \\(.xlsx\\), not a CSV file\n.*save it as CSV"),
     (b"\xd0\xcf\x11\xe0rest", "is an Excel workbook \\(.xls\\)"), (b"\xff\xfea", "is not UTF-16 throughout")],
)  # fmt: skip
def test_files_that_are_no_csv(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(CohortError, match=message):
        read_rows(path, ["id"])


ANYTHING = st.binary(max_size=60) | st.text('ab;,\t"\n\r=sep\ufeff', max_size=40).map(str.encode)


@given(ANYTHING, st.sampled_from([("a",), ()]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path: Path, content: bytes, required: tuple[str, ...]) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    rows = []
    with contextlib.suppress(CohortError):
        rows = read_rows(path, required)
    assert all(set(required) <= set(row) for row in rows)
