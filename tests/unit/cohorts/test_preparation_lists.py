"""What preparation lists beside the images: files that were not read, ids without a subject, names that collide."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.base import Discovery, Item, Record, Rejection, Remark
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.quarantine import Quarantine
from sixgig.cohorts.remarks import Remarks
from sixgig.errors import CohortError
from sixgig.runtime.atomic import read_json
from sixgig.tables.cohorts import MANIFEST, QUARANTINE, REMARKS
from tests.unit.cohorts.tiny_nifti import save_nifti


def prepare(adapter: str, root: Path, output: Path, **options: Any) -> dict[str, Any]:
    prepare_cohort(adapter, root, output, image_size=16, options=options, seed=5, max_quarantine_fraction=0.0)
    return read_json(output / "cohort.json")


def scans(folder: Path, *subjects: str) -> Path:
    lines = ["path,subject_id,label"]
    for number, subject in enumerate(subjects):
        array = np.random.default_rng(number).integers(1, 500, (16, 16, 8)).astype(np.int16)
        save_nifti(folder / f"{number}.nii.gz", array)
        lines.append(f"{number}.nii.gz,{subject},{'ab'[number % 2]}")
    (folder / "t.csv").write_text("\n".join(lines).replace(",P1,b", ",P1,a"))
    return folder / "t.csv"


def test_volumes_have_names_of_their_own(tmp_path: Path) -> None:
    """P1 has two scans, and a subject is called P1_1."""
    table = scans(tmp_path / "in", "P1", "P1", "P1_1", "P2")
    facts = prepare("table", table, tmp_path / "c", dimensions=3, volume={"size": [8, 16, 16]}, crop="none")
    manifest = MANIFEST.read(tmp_path / "c" / "manifest.csv")
    owners = manifest.groupby("volume_id", sort=False)["subject_id"].unique().map(list).to_dict()
    assert owners == {"P1__1": ["P1"], "P1__2": ["P1"], "P1_1": ["P1_1"], "P2": ["P2"]}
    assert manifest["image_id"].is_unique
    volumes = np.load(tmp_path / "c" / "volumes.npy")
    assert (facts["n_volumes"], len(volumes)) == (4, 4)
    images = np.load(tmp_path / "c" / "images.npy")
    for row, (volume, own) in enumerate(manifest.groupby("volume_id", sort=False)):
        place = own.index[own["slice"] == 3][0]
        assert np.abs(volumes[row, 3, :, :, 0].astype(float) * 255 - images[place, :, :, 0]).max() < 1, volume


def test_names_that_do_not_collide_stay_as_they_were(tmp_path: Path) -> None:
    prepare("table", scans(tmp_path / "in", "P1", "P1", "P2"), tmp_path / "c", dimensions=3)
    assert set(MANIFEST.read(tmp_path / "c" / "manifest.csv")["volume_id"]) == {"P1_1", "P1_2", "P2"}


def test_an_adapter_that_gives_one_name_twice_is_stopped(
    make_elpv: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sixgig.cohorts.adapters.elpv import ElpvAdapter

    root = make_elpv([1, 0])
    twice = [Record(root, name, "x", (Item("same", {"grey": "a"}),)) for name in "ab"]
    monkeypatch.setattr(ElpvAdapter, "discover", lambda self, root: Discovery(list(twice)))
    with pytest.raises(CohortError, match=r"cohorts\.c\.source: 1 names belong to more than one volume or image: same"):
        prepare("elpv", root, tmp_path / "c")


def test_labels_are_counted_and_files_that_are_not_read_are_listed(
    make_brats: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_brats(["HGG", "LGG", "HGG", "LGG"])
    ids = [f"BraTS20_Training_{number:03d}" for number in (1, 2, 3, 8)]
    (root / "labels.csv").write_text(
        "id,class\n" + "".join(f"{one},{label}\n" for one, label in zip(ids, ("x", "y", "NA", "x"), strict=True))
    )
    labels = {"file": str(root / "labels.csv"), "subject": "id", "label": "class", "max_unmatched": 0.25}
    facts = prepare("brats", root, tmp_path / "c", modalities=["t1"], slices={"count": 2}, labels=labels)
    assert (facts["n_subjects"], facts["n_unlabelled"], facts["n_unmatched"]) == (4, 2, 1)
    assert facts["classes"] == {"x": 1, "y": 1}
    assert facts["remarks"] == {"label": 3, "not read": 4 * 3 + 4 + 1}
    remarks = REMARKS.read(tmp_path / "c" / "remarks.csv")
    said = remarks[remarks["kind"] == "label"].set_index("subject_id")["remark"].to_dict()
    assert said[ids[3]] == "no subject of the cohort has this id"
    assert said[ids[2]].startswith("'NA' is taken as no class")
    assert said["BraTS20_Training_004"].startswith("the table of labels does not name this subject")
    files = remarks[remarks["kind"] == "not read"]["file"].str.rpartition("/")[2]
    assert "labels.csv" not in set(files)
    assert "name_mapping.csv" in set(files)
    assert files.str.contains("Segm").sum() == 4


def test_lists_say_nothing_about_the_folders_of_the_machine(tmp_path: Path) -> None:
    """A table may name files anywhere; quarantine and remarks are in the report."""
    quarantine = Quarantine("c", tmp_path / "quarantine.csv", tmp_path / "failed.csv", 1.0)
    quarantine.add([Rejection("/mnt/scans/p1/a.png", "p1", "/mnt/scans/p1/a.png does not exist")])
    quarantine.write()
    (row,) = QUARANTINE.read(tmp_path / "quarantine.csv").itertuples(index=False)
    assert (row.file, row.subject_id, row.reason) == (".../a.png", "p1", ".../a.png does not exist")
    remarks = Remarks(tmp_path / "remarks.csv")
    remarks.add([Remark("geometry", "b/a.nii", "p1", "has the grid of /mnt/scans/p2/a.nii")])
    remarks.write()
    (row,) = REMARKS.read(tmp_path / "remarks.csv").itertuples(index=False)
    assert (row.file, row.remark) == ("b/a.nii", "has the grid of .../a.nii")
