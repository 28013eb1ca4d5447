"""Names and what stands in their place."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sixgig.sharing.names import Names, is_telling, table_of
from sixgig.tables.attention import ATTENTION
from sixgig.tables.cohorts import MANIFEST, QUARANTINE
from sixgig.tables.fractions import FRACTION_PREDICTIONS
from sixgig.tables.predictions import PREDICTIONS

MANIFEST_ROWS = [
    ("P001_z3", "P001", "sick", "P001_t1", "scans/P001/t1.nii.gz"),
    ("P001_z4", "P001", "sick", "P001_t1", "scans/P001/t1.nii.gz"),
    ("12_z3", "12", "well", "12_t1", "scans/12/t1.nii.gz"),
    ("anna_z3", "anna", "well", "anna_t1", "scans/anna/t1.nii.gz"),
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    frame = pd.DataFrame(MANIFEST_ROWS, columns=["image_id", "subject_id", "label", "volume_id", "source"])
    frame = frame.assign(frame=None, slice=3, partition=0, official=None)
    MANIFEST.write(frame, tmp_path / "cohorts" / "c" / "manifest.csv")
    bad = [("scans/=P9x/t1.nii.gz", "=P9x", "P001 and anna have one scan: t1.nii.gz of 12 slices")]
    QUARANTINE.write(pd.DataFrame(bad, columns=QUARANTINE.column_names), tmp_path / "cohorts" / "c" / "quarantine.csv")
    return tmp_path


def test_a_name_has_one_pseudonym_that_only_the_key_makes(study: Path) -> None:
    names, again, others = Names(study, b"key"), Names(study, b"key"), Names(study, b"other key")
    assert names.in_column("P001", "subject_id") == again.in_column("P001", "subject_id")
    assert names.in_column("P001", "subject_id") != others.in_column("P001", "subject_id")
    assert len({names.in_column(name, "subject_id") for name in ("P001", "12", "anna")}) == 3
    assert names.in_column("P001", "subject_id").startswith("s-")


def test_every_name_in_a_sentence_is_replaced_and_words_that_hold_one_are_not(study: Path) -> None:
    names = Names(study, b"key")
    s, t = names.in_column("P001", "subject_id"), names.in_column("anna", "subject_id")
    assert (
        names.in_sentence("P001 and anna: (P001) is savanna; P0012 is not")
        == f"{s} and {t}: ({s}) is savanna; P0012 is not"
    )


def test_only_telling_names_are_replaced_in_any_text(study: Path) -> None:
    names = Names(study, b"key")
    assert names.anywhere("anna has 12 of P001") == f"anna has 12 of {names.in_column('P001', 'subject_id')}"
    assert names.found_in("P0012, xP001") is None
    assert names.found_in("x/P001_t9.nii") == "P001"


@pytest.mark.parametrize(
    ("name", "telling"),
    [("P001", True), ("BraTS20_Training_001", True), ("12", False), ("20240131", True), ("anna", False), ("a1", False)],
)
def test_what_is_telling(name: str, telling: bool) -> None:
    assert is_telling(name) is telling


def test_a_table_is_ordered_by_pseudonyms_and_slices_of_a_volume_stay_together(study: Path) -> None:
    names = Names(study, b"key")
    hidden = names.table(MANIFEST.read(study / "cohorts" / "c" / "manifest.csv"))
    assert hidden["subject_id"].tolist() == sorted(hidden["subject_id"])
    own = hidden[hidden["subject_id"] == names.in_column("P001", "subject_id")]
    assert own["image_id"].tolist() == [names.in_column(name, "image_id") for name in ("P001_z3", "P001_z4")]
    assert sorted(hidden["label"]) == ["sick", "sick", "well", "well"]


def test_names_that_a_spreadsheet_would_run_are_found_and_replaced(study: Path) -> None:
    names = Names(study, b"key")
    (row,) = names.table(QUARANTINE.read(study / "cohorts" / "c" / "quarantine.csv")).to_dict("records")
    assert row["subject_id"] == names.in_column("=P9x", "subject_id")
    assert "P001" not in row["reason"]
    assert "anna" not in row["reason"]
    assert row["reason"].endswith(f" of {names.in_column('12', 'subject_id')} slices")


def test_tables_of_attention_and_of_fractions_are_tables_with_names() -> None:
    hidden = ["predictions/c/a.mil.csv", "predictions/c/a.mil.attention.csv", "fractions/c/a.svm.csv"]
    assert [table_of(name) for name in hidden] == [PREDICTIONS, ATTENTION, FRACTION_PREDICTIONS]
    assert [table_of(name) for name in ("fractions.csv", "fractions/c/a.svm.json", "summary.csv")] == [None] * 3


def test_ordinary_names_are_replaced_in_attention_and_fractions(study: Path) -> None:
    weights = pd.DataFrame([("anna", "anna_z3", 0, 0, 1.0)], columns=ATTENTION.column_names)
    ATTENTION.write(weights, study / "predictions" / "c" / "a.mil.attention.csv")
    rows = pd.DataFrame([(0.5, "zoe", 0, 0, "well", "sick")], columns=FRACTION_PREDICTIONS.column_names[:6])
    FRACTION_PREDICTIONS.write(rows, study / "fractions" / "c" / "a.svm.csv")
    names = Names(study, b"key")
    hidden = names.table(weights)
    assert hidden["subject_id"].tolist() == [names.in_column("anna", "subject_id")]
    assert hidden["image_id"].tolist() == [names.in_column("anna_z3", "image_id")]
    assert names.in_sentence("zoe") == names.in_column("zoe", "subject_id")
