from pathlib import Path

import numpy as np
import pytest
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
        ("1.nii,1.nii,s,x\n1.nii,1.nii,s,y", "subject has several classes: x, y"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: str, reason: str) -> None:
    volumes(tmp_path, "1.nii")
    path = table(tmp_path, f"f,t,subject_id,label\n{row}\n1.nii,1.nii,good,x\n")
    found = TableAdapter(None, {"columns": PATHS, "dimensions": 3}).discover(path)
    assert [record.subject_id for record in found.records] == ["good"]
    assert [(rejection.subject_id, rejection.file) for rejection in found.rejections] == [("s", "cohort.csv row 2")]
    assert found.rejections[0].reason.startswith(reason)


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
