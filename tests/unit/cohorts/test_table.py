import contextlib
import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sixgig.cohorts.adapters.table import TableAdapter
from sixgig.cohorts.base import Volume
from sixgig.errors import CohortError, ConfigError
from tests.unit.cohorts.tiny_nifti import save_nifti

PATHS = {"paths": {"flair": "f", "t2": "t"}}


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cohort.csv"
    path.write_text(text)
    return path


def volumes(tmp_path: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        save_nifti(tmp_path / name, np.random.default_rng(seed).integers(0, 99, (6, 5, 4)).astype(np.int16))


def test_images_of_subjects(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(tmp_path / name)
    path = table(tmp_path, "path,subject_id,label\na.png,s1,x\nb.png,s1,x\nc.png,s2,\n")
    adapter = TableAdapter(None, {})
    found = adapter.discover(tmp_path)  # the folder holds one CSV
    assert [(record.subject_id, record.label, len(record.items)) for record in found.records] == [
        ("s1", "x", 2), ("s2", None, 1)
    ]  # fmt: skip
    assert len({item.item_id for record in found.records for item in record.items}) == 3
    assert next(adapter.read(found.records[0])).array.shape == (3, 4)
    assert adapter.discover(path) == found


def test_volumes_in_modalities_and_frames(tmp_path: Path) -> None:
    volumes(tmp_path, "1f.nii.gz", "1t.nii.gz", "2f.nii.gz", "2t.nii.gz")
    path = table(
        tmp_path, "who,f,t,label,phase,set\np,2f.nii.gz,2t.nii.gz,x,ES,train\np,1f.nii.gz,1t.nii.gz,x,ed,training\n"
    )
    columns = {**PATHS, "subject": "who", "frame": "phase", "official": "set"}
    adapter = TableAdapter(["t2", "flair"], {"columns": columns, "dimensions": 3})
    (record,) = adapter.discover(path).records
    assert record.official == "training"
    ed, es = adapter.read(record)
    assert isinstance(ed, Volume)
    assert (ed.frame, es.frame) == ("ED", "ES")
    assert ed.sources == ("1t.nii.gz", "1f.nii.gz")
    assert ed.array.shape == (6, 5, 4, 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("gone.nii,gone.nii,s,x", "gone.nii does not exist"),
        (",1.nii,s,x", "column f is empty"),
        ("a.png,1.nii,s,x", "a.png is none of"),
        ("1.nii,1.nii,s,x\n3.nii,3.nii,s,y", "subject has several classes: x, y"),
        ("1.nii,1.nii,s,x\n3.nii,3.nii,s,NA", "subject has several classes: none, x"),
        ("1.NII,1.nii,s,x", "1.NII does not exist; there is 1.nii, which differs by case"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: str, reason: str) -> None:
    volumes(tmp_path, "1.nii", "2.nii", "3.nii")
    path = table(tmp_path, f"f,t,subject_id,label\n{row}\n2.nii,2.nii,good,x\n")
    found = TableAdapter(None, {"columns": PATHS, "dimensions": 3}).discover(path)
    assert [record.subject_id for record in found.records] == ["good"]
    assert [(rejection.subject_id, rejection.file) for rejection in found.rejections] == [("s", "cohort.csv row 2")]
    assert found.rejections[0].reason.startswith(reason)


def test_a_bad_row_costs_its_image_and_with_frames_the_subject(tmp_path: Path) -> None:
    volumes(tmp_path, "1.nii", "3.nii")
    path = table(tmp_path, "path,subject_id,label,phase\n1.nii,s,x,ED\ngone.nii,s,x,ES\n3.nii,s,x,\n")
    found = TableAdapter(None, {"dimensions": 3}).discover(path)
    assert [item.item_id for item in found.records[0].items] == ["s_1", "s_3"]
    assert [one.file for one in found.rejections] == ["cohort.csv row 3"]
    found = TableAdapter(None, {"dimensions": 3, "columns": {"frame": "phase"}}).discover(path)
    assert (found.records, [one.file for one in found.rejections]) == ([], ["cohort.csv row 3"])


def test_words_that_mean_no_class_no_subject_and_no_frame(tmp_path: Path) -> None:
    names = [f"{number}.nii" for number in range(6)]
    volumes(tmp_path, *names)
    cells = ["a,x,NA,-", "b,NA,n/a,ED", "c,None,,", "d,0.0,none,?", "nan,x,,", "e,,,"]
    lines = "".join(f"{name},{own}\n" for name, own in zip(names, cells, strict=True))
    path = table(tmp_path, f"path,subject_id,label,set,phase\n{lines}")
    options = {"dimensions": 3, "columns": {"frame": "phase", "official": "set"}}
    found = TableAdapter(None, options).discover(path)
    assert {one.subject_id: one.label for one in found.records} == {
        "a": "x",
        "b": None,
        "c": None,
        "d": "0.0",
        "e": None,
    }
    assert {one.official for one in found.records} == {None}
    assert {one.items[0].frame for one in found.records} == {None, "ED"}
    assert [(one.file, one.reason) for one in found.rejections] == [("cohort.csv row 6", "has no subject")]
    assert [(one.file, one.kind, one.text[:6]) for one in found.remarks] == [
        ("cohort.csv row 3", "label", "'NA' i"), ("cohort.csv row 4", "label", "'None'")
    ]  # fmt: skip
    declared = TableAdapter(None, {**options, "classes": {"no": ["None", "0.0"], "yes": ["x"]}}).discover(path)
    assert {one.subject_id: one.label for one in declared.records}["c"] == "None"


def test_one_row_twice_and_one_file_of_two_subjects(tmp_path: Path) -> None:
    volumes(tmp_path, "1.nii", "2.nii")
    path = table(tmp_path, "path,subject_id,label\n1.nii,a,x\n2.nii,b,y\n./1.nii,a,x\n")
    found = TableAdapter(None, {"dimensions": 3}).discover(path)
    assert [[item.item_id for item in one.items] for one in found.records] == [["a"], ["b"]]
    assert [(one.kind, one.file, one.subject_id) for one in found.remarks] == [("copy", "cohort.csv row 4", "a")]
    path = table(tmp_path, "path,subject_id,label\n1.nii,a,x\n.\\1.nii,b,y\n")
    with pytest.raises(CohortError, match=r"gives 1\.nii to a \(row 2\) and to b \(row 3\)"):
        TableAdapter(None, {"dimensions": 3}).discover(path)
    path = table(tmp_path, "f,t,subject_id,label\n1.nii,./1.nii,a,x\n2.nii,,b,y\n")
    found = TableAdapter(None, {"columns": PATHS, "dimensions": 3}).discover(path)
    assert [(one.file, one.text) for one in found.remarks] == [
        ("cohort.csv row 2", "names one file for two modalities")
    ]


def test_an_image_of_two_classes(tmp_path: Path) -> None:
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(tmp_path / "a.png")
    path = table(tmp_path, "path,subject_id,label\na.png,s,x\na.png,s,y\n")
    with pytest.raises(CohortError, match=r"gives a\.png the class 'x' \(row 2\) and 'y' \(row 3\)"):
        TableAdapter(None, {"labels_of": "image"}).discover(path)
    path = table(tmp_path, "path,subject_id,label\na.png,s,x\na.png,s,x\n")
    (record,) = TableAdapter(None, {"labels_of": "image"}).discover(path).records
    assert [(item.item_id, item.label) for item in record.items] == [("s_a", "x")]


def test_classes_that_differ_by_case(tmp_path: Path) -> None:
    volumes(tmp_path, "1.nii", "2.nii")
    path = table(tmp_path, "path,subject_id,label\n1.nii,a,x\n2.nii,b,X \n")
    with pytest.raises(CohortError, match=r"'x' \(row 2\) and 'X' \(row 3\): they differ by case"):
        TableAdapter(None, {"dimensions": 3}).discover(path)
    found = TableAdapter(None, {"dimensions": 3, "classes": {"x": ["x", "X"], "y": ["y"]}}).discover(path)
    assert [one.label for one in found.records] == ["x", "X"]


def test_patterns_leave_rows_out(tmp_path: Path) -> None:
    volumes(tmp_path, "1.nii", "1_mask.nii", "2.nii")
    path = table(tmp_path, "path,subject_id,label\n1.nii,a,x\n1_mask.nii,a,x\n2.nii,b,y\n")
    found = TableAdapter(None, {"dimensions": 3, "exclude": ["*_mask*"]}).discover(path)
    assert [[item.item_id for item in one.items] for one in found.records] == [["a"], ["b"]]
    assert [(one.file, one.text) for one in found.remarks] == [("1_mask.nii", "left out by `exclude`: *_mask*")]
    found = TableAdapter(None, {"dimensions": 3, "include": ["2*"]}).discover(path)
    assert [one.subject_id for one in found.records] == ["b"]


def test_a_subject_without_a_name(tmp_path: Path) -> None:
    path = table(tmp_path, "path,subject_id,label\na.png,,x\n")
    assert TableAdapter(None, {}).discover(path).rejections[0].reason == "has no subject"


def test_mistakes_in_the_stanza(tmp_path: Path) -> None:
    path = table(tmp_path, "path,subject_id,label\n")
    with pytest.raises(CohortError, match="lacks the column file; it has path"):
        TableAdapter(None, {"columns": {"path": "file"}}).discover(path)
    with pytest.raises(CohortError, match="has a header and no rows"):
        TableAdapter(None, {}).discover(path)
    with pytest.raises(ConfigError, match="columns: has `paths`, and images have one file each"):
        TableAdapter(None, {"columns": PATHS})
    assert TableAdapter(None, {}).missing(tmp_path / "no") == [f"{tmp_path / 'no'} does not exist"]


CELL = st.sampled_from(
    ["1.nii", "2.nii", "1.NII", "C:\\1.nii", "..", "\0", "x" * 300 + ".nii", "a", "b", "NA", "ED", "é"]
)


@given(st.lists(st.lists(CELL | st.text(max_size=3), min_size=1, max_size=6), max_size=6))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_cells_hold_rows_are_used_or_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    if not (tmp_path / "1.nii").exists():
        volumes(tmp_path, "1.nii", "2.nii")
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8", errors="replace") as stream:
        csv.writer(stream).writerows([["path", "subject_id", "label", "phase", "set"], *rows])
    options = {"dimensions": 3, "columns": {"frame": "phase", "official": "set"}}
    records = []
    with contextlib.suppress(CohortError):
        records = TableAdapter(None, options).discover(tmp_path / "t.csv").records
    assert {item.files["image"] for one in records for item in one.items} <= {"1.nii", "2.nii"}
