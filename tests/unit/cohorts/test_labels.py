"""Classes from a table: missing ones, ids that are written in another way, classes that look alike."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts.base import Discovery
from sixgig.cohorts.labels import MISSING, ClassCells, compare_ids, read_labels, subject_labels
from sixgig.errors import CohortError

DEFAULT = ClassCells.of({})


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("word", [*MISSING, "", "  ", "na", "NaN", "none", "null", " N/A ", "\u00a0nan"])
def test_words_that_mean_no_class(word: str) -> None:
    assert DEFAULT.read(word) is None


@pytest.mark.parametrize("word", ["0", "0.0", "no", "normal", "NAT", "--", "unknown", "x"])
def test_classes(word: str) -> None:
    assert DEFAULT.read(f" {word} ") == word


def test_a_real_class_of_such_a_name_can_be_declared() -> None:
    assert ClassCells.of({"missing": ["unknown"]}).read("None") == "None"
    assert ClassCells.of({"missing": ["unknown"]}).read("UNKNOWN") is None
    assert ClassCells.of({"missing": []}).read("") is None
    declared = ClassCells.of({"classes": {"healthy": ["None"], "ill": ["mild", "severe"]}})
    assert (declared.read("None"), declared.read("NA")) == ("None", None)


def test_a_table_of_labels(tmp_path: Path) -> None:
    path = table(tmp_path, "id,grade\na,HGG\na,HGG\nb,\nc,NA\n")
    found = Discovery()
    assert read_labels(path, "id", "grade", DEFAULT, found) == {"a": "HGG", "b": None, "c": None}
    assert [(one.file, one.subject_id, one.text[:25]) for one in found.remarks] == [
        ("labels.csv", "c", "'NA' is taken as no class")
    ]
    assert subject_labels({}, ["a"], found) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,grade\na,HGG\na,LGG\n", r"lists a as HGG \(row 2\) and as LGG \(row 3\)"),
        ("id,grade\na,HGG\na,NA\n", r"lists a as HGG \(row 2\) and as None \(row 3\)"),
        ("id,grade\n,HGG\n", r"has a row \(2\) of class HGG without a subject"),
        ("id,grade\na,HGG\nb,hgg\n", r"'HGG' \(row 2\) and 'hgg' \(row 3\): they differ by case"),
        ("id,grade\na,very mild\nb,very  mild\n", "they differ by spaces"),
        ("id,grade\na,1\nb,1.0\n", "has the classes '1' .* and '1.0' .*: they are one number"),
        ("id;grade\na;1\nb;1,0\n", "has the classes '1' .* and '1,0'"),
        ("id;grade\na;0.5\nb;0,50\n", "has the classes '0.5' .* and '0,50' .*: they are one number"),
        ("id,grade\na,\u00e9\nb,e\u0301\n", "stored in another way"),
    ],
)
def test_rows_that_contradict_each_other(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CohortError, match=message):
        read_labels(table(tmp_path, text), "id", "grade", DEFAULT)


def test_classes_that_look_alike_and_are_declared(tmp_path: Path) -> None:
    cells = ClassCells.of({"classes": {"high": ["HGG", "hgg"], "low": ["LGG"]}})
    path = table(tmp_path, "id,grade\na,HGG\nb,hgg\nc,LGG\n")
    assert read_labels(path, "id", "grade", cells) == {"a": "HGG", "b": "hgg", "c": "LGG"}


@pytest.mark.parametrize(
    ("written", "there", "why"),
    [
        ("7", "007", "leading zeros"),
        ("P7", "P007", "leading zeros"),
        ("7.0", "7", "one number"),
        ("7,0", "7", "one number"),
        ("p1", "P1", "case"),
        ("P 1", "P1", "spaces"),
        ("P_1", "P-1", "look alike"),
        ("P1.nii.gz", "P1", "name of a file"),
        ("images/P1.png", "P1", "look alike"),
        (unicodedata.normalize("NFD", "M\u00fcller"), "M\u00fcller", "NFC and NFD"),
        ("01", "sub-01", "look alike"),
    ],
)
def test_ids_written_in_another_way_are_named_with_what_they_are_like(written: str, there: str, why: str) -> None:
    with pytest.raises(CohortError, match="format that column as text") as raised:
        compare_ids(Path("t.csv"), ["other", written], ["other", there], Discovery(), max_unmatched=1.0)
    assert f"{written!r} there, {there!r} in the cohort" in raised.value.reason
    assert why in raised.value.reason


@pytest.mark.parametrize(("written", "there"), [("100", "10"), ("1.05", "1.5"), ("P10", "P1"), ("P1_1", "P1")])
def test_ids_that_are_not_alike(written: str, there: str) -> None:
    found = Discovery()
    compare_ids(Path("t.csv"), ["other", written], ["other", there], found, max_unmatched=1.0)
    assert found.unmatched == [written]


def test_an_id_that_fits_is_not_compared_further() -> None:
    found = Discovery()
    compare_ids(Path("t.csv"), ["7", "007"], ["7", "007", "07"], found)
    assert not found.unmatched


def test_too_many_ids_without_a_subject_stop(tmp_path: Path) -> None:
    ids, names = [f"s{i}" for i in range(20)], [f"s{i}" for i in range(18)]
    found = Discovery()
    compare_ids(Path("t.csv"), ids, names, found)
    assert found.unmatched == ["s18", "s19"]
    assert [(one.kind, one.file, one.subject_id) for one in found.remarks] == [
        ("label", "t.csv", "s18"), ("label", "t.csv", "s19")
    ]  # fmt: skip
    with pytest.raises(CohortError, match=r"of its 20 subjects 3 are not in the cohort \(s17, s18, s19\), and 10%"):
        compare_ids(Path("t.csv"), ids, names[:17], Discovery())
    options: dict[str, Any] = {"labels": {"file": str(table(tmp_path, "subject_id,label\na,x\nb,y\n"))}}
    with pytest.raises(CohortError, match="max_unmatched"):
        subject_labels(options, ["a"], Discovery())
    options["labels"]["max_unmatched"] = 0.5
    assert subject_labels(options, ["a"], Discovery()) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("ids", "hint"),
    [(["3-Jan", "4-Jan"], "turned into a date"), (["2024-01-03", "x9"], "turned into a date"),
     (["1.23E+11", "x9"], "a spreadsheet shortened"), (["x8", "x9"], r"the cohort s1 \.\.\.$")],
)  # fmt: skip
def test_a_table_about_other_subjects(ids: list[str], hint: str) -> None:
    with pytest.raises(CohortError) as raised:
        compare_ids(Path("t.csv"), ids, ["s1", "s2"], Discovery())
    assert raised.match(r"names no subject of the cohort: it has .* \.\.\., and the cohort s1")
    import re

    assert re.search(hint, raised.value.reason)
