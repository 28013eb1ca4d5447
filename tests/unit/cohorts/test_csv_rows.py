"""CSV files as spreadsheets and people write them."""

from pathlib import Path

import pytest

from sixgig.cohorts.csv_rows import check_overlap, label_table, read_labels, read_rows
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


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,grade\na,HGG\na,HGG\nb,\n")
    assert read_labels(path, "id", "grade") == {"a": "HGG", "b": None}
    assert label_table({"labels": {"file": str(path), "subject": "id", "label": "grade"}}) == {"a": "HGG", "b": None}
    assert label_table({}) is None
    path.write_text("id,grade\na,HGG\na,LGG\n")
    with pytest.raises(CohortError, match="lists a as HGG and as LGG"):
        read_labels(path, "id", "grade")
    path.write_text("id,grade\n,HGG\n")
    with pytest.raises(CohortError, match="a row of class HGG without a subject"):
        read_labels(path, "id", "grade")


def test_a_table_about_other_subjects(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CohortError, match=r"it has x1 \.\.\., and the cohort s1"):
        check_overlap({"x1": "a"}, ["s1"], "t.csv")
    check_overlap({"x1": "a", "s1": "b"}, ["s1"], "t.csv")
    assert "1 subjects of t.csv are not in the cohort, such as x1" in caplog.text
