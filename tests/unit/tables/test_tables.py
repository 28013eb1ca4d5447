import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import TableError
from sixgig.tables.catalogue import all_tables
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS


def splits(**changes):
    rows = {"subject_id": ["a", "b"], "label": ["x", None], "role": ["evaluation", "pretraining"]}
    return pd.DataFrame(rows | {"repeat": [0, None], "fold": [1, None]} | changes)


def test_round_trip_keeps_types_and_missing_values(tmp_path):
    SPLITS.write(splits(), tmp_path / "splits.csv")
    read = SPLITS.read(tmp_path / "splits.csv")
    assert read["fold"].tolist() == [1, pd.NA]
    assert str(read["fold"].dtype) == "Int64"
    assert pd.isna(read["label"][1])


@pytest.mark.parametrize("label", ["NA", "None", "nan", "null", "1e5"])
def test_class_names_that_look_like_missing_values_stay_text(tmp_path, label):
    SPLITS.write(splits(label=[label, "y"]), tmp_path / "splits.csv")
    assert SPLITS.read(tmp_path / "splits.csv")["label"].tolist() == [label, "y"]


def test_subject_ids_keep_leading_zeros(tmp_path):
    SPLITS.write(splits(subject_id=["007", "08"]), tmp_path / "splits.csv")
    assert SPLITS.read(tmp_path / "splits.csv")["subject_id"].tolist() == ["007", "08"]


@pytest.mark.parametrize("label", ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(1)", "'=1", "''=1", "\t=1"])
def test_a_spreadsheet_runs_nothing(tmp_path, label):
    SPLITS.write(splits(label=[label, "y"]), tmp_path / "splits.csv")
    with (tmp_path / "splits.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[1][1] == f"'{label}"
    assert SPLITS.read(tmp_path / "splits.csv")["label"].tolist() == [label, "y"]


@pytest.mark.parametrize("label", ["-1", "+0.5", "a=b", "'quoted'", "'-1", "-"])
def test_other_text_is_written_as_it_is(tmp_path, label):
    SPLITS.write(splits(label=[label, "y"]), tmp_path / "splits.csv")
    with (tmp_path / "splits.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[1][1] == label
    assert SPLITS.read(tmp_path / "splits.csv")["label"].tolist() == [label, "y"]


def test_missing_and_unknown_columns_are_named(tmp_path):
    frame = splits().drop(columns="role").assign(rolle="x")
    with pytest.raises(TableError, match=r"missing: role; unknown: rolle"):
        SPLITS.write(frame, tmp_path / "splits.csv")
    assert not (tmp_path / "splits.csv").exists()


def test_empty_required_value_names_column_and_row():
    with pytest.raises(TableError, match=r"'subject_id' is empty in data row 2"):
        SPLITS.check(splits(subject_id=["a", None]), "splits.csv")


def test_wrong_type_names_the_column():
    with pytest.raises(TableError, match=r"column 'fold' is not of type integer"):
        SPLITS.check(splits(fold=["one", "two"]), "splits.csv")


def test_score_columns_are_allowed_where_the_format_says_so():
    rows = {"subject_id": ["a"], "repeat": [0], "fold": [0], "label": ["x"], "predicted": ["x"], "score_x": [0.9]}
    assert "score_x" in PREDICTIONS.check(pd.DataFrame(rows), "p").columns
    with pytest.raises(TableError, match="unknown: points"):
        PREDICTIONS.check(pd.DataFrame(rows | {"points": [1.0]}), "p")


def test_numbers_are_written_with_ten_digits(tmp_path):
    row = {"cohort": "c", "arm": "a", "classifier": "s", "metric": "m", "repeat": 0, "fold": 0, "value": 1 / 3}
    METRICS.write(pd.DataFrame([row]), tmp_path / "metrics.csv")
    assert "0.3333333333\n" in (tmp_path / "metrics.csv").read_text()


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(TableError, match=r"manifest.csv: cannot be read as CSV(.|\n)*Next step: run snakemake"):
        MANIFEST.read(tmp_path / "manifest.csv")


def test_every_column_is_described():
    for table in all_tables():
        assert table.description
        assert all(column.description for column in table.columns)
        assert len({column.name for column in table.columns}) == len(table.columns)


def test_undefined_metric_survives(tmp_path):
    row = {"cohort": "c", "arm": "a", "classifier": "s", "metric": "m", "repeat": 0, "fold": 0, "value": np.nan}
    METRICS.write(pd.DataFrame([row]), tmp_path / "metrics.csv")
    assert METRICS.read(tmp_path / "metrics.csv")["value"].isna().all()


def test_results_page_documents_every_column():
    page = (Path(__file__).resolve().parents[3] / "results/README.md").read_text()
    headings = {"training.csv": "pretraining/<cohort>/<arm>.csv"}
    headings["predictions"] = "predictions/<cohort>/<arm>.<classifier>.csv"
    headings["fraction predictions"] = "fractions/<cohort>/<arm>.<classifier>.csv"
    headings["attention"] = "predictions/<cohort>/<arm>.<classifier>.attention.csv"
    headings["pseudonyms"] = "pseudonyms/<study>.<cohort>.csv"
    for table in all_tables():
        section = page.split(f"{headings.get(table.name, table.name)}`\n")[1].split("\n### ")[0]
        for column in table.columns:
            assert f"| `{column.name}` | {column.type} | {column.description} |" in section
