"""Every file of a cohort's folder that was not read is in the list, with its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts import leftovers as leftovers_module
from sixgig.cohorts.leftovers import leftovers
from sixgig.cohorts.registry import open_adapter
from tests.unit.cohorts.tiny_nifti import save_nifti


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(path)
    return path


def listed(root: Path, adapter: str, **stanza: Any) -> dict[str, str]:
    """Return file -> reason of what an adapter does not read."""
    opened = open_adapter({"adapter": adapter, **stanza})
    found = opened.discover(root)
    return {one.file: one.text for one in leftovers(opened, root, found)}


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for label in "ab":
        picture(tmp_path / label / "deep" / "1.png")
    picture(tmp_path / "beside.png")
    for file in ("README", "a/notes.txt", "a/x.mha", "more.zip", "a/2.tar.gz", "a/deep/v.nii.gz", "a/Thumbs.db",
                 ".DS_Store", "b/._1.png", ".git/config", "__MACOSX/a/._1.png"):  # fmt: skip
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).write_text("x")
    (tmp_path / "c").mkdir()
    assert listed(tmp_path, "image_folder") == {
        "README": "a file without an ending",
        "a/2.tar.gz": "an archive: unpack it, if it belongs to the cohort",
        "a/deep/v.nii.gz": "a .nii.gz file that this adapter does not read",
        "a/notes.txt": "a .txt file that this adapter does not read",
        "a/x.mha": "a .mha file that this adapter does not read",
        "beside.png": "a picture that lies in no folder of a class",
        "c": "an empty folder",
        "more.zip": "an archive: unpack it, if it belongs to the cohort",
        ".*": "3 hidden files or folders",
        "Thumbs.db": "2 files of an operating system",
    }


def test_what_is_rejected_or_left_out_is_listed_once(tmp_path: Path) -> None:
    for file in ("a/p1_x.png", "a/p1_x_mask.png", "b/p2_x.png", "b/strange.png", "b/small.png"):
        picture(tmp_path / file)
    opened = open_adapter({"adapter": "image_folder", "subject_pattern": r"(p\d)_", "exclude": ["small*"]})
    found = opened.discover(tmp_path)
    assert [one.file for one in found.rejections] == ["b/strange.png"]
    assert {one.file for one in found.remarks} == {"a/p1_x_mask.png", "b/small.png"}
    assert leftovers(opened, tmp_path, found) == []


def test_a_table_lists_what_lies_beside_its_files_and_no_other_folder(tmp_path: Path) -> None:
    for file in ("images/1.png", "images/2.png", "images/3.png", "other/4.png"):
        picture(tmp_path / file)
    (tmp_path / "t.csv").write_text("path,subject_id,label\nimages/1.png,s,x\nimages/2.png,t,y\n")
    reason = "the table does not name it"
    assert listed(tmp_path / "t.csv", "table") == {"images/3.png": reason}
    assert listed(tmp_path, "table") == {"images/3.png": reason, "other/4.png": reason}


def test_the_other_half_of_a_pair_and_labels_are_read(tmp_path: Path) -> None:
    (tmp_path / "1.hdr").write_bytes(b"x")
    (tmp_path / "1.img").write_bytes(b"x")
    (tmp_path / "t.csv").write_text("path,subject_id,label\n1.hdr,s,x\n")
    assert listed(tmp_path, "table", dimensions=3) == {}


def test_segmentations_and_modalities_of_brats(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    data, two = "MICCAI_BraTS2020_TrainingData", "BraTS20_Training_002"
    save_nifti(root / data / two / f"{two}_seg.nii.gz", np.ones((2, 2, 2), np.int16))
    (root / data / "survival_info.csv").write_text("x")
    found = listed(root, "brats", modalities=["flair", "t1", "t2"], exclude=["*_001"])
    own = {file.rpartition("/")[2]: reason for file, reason in found.items() if f"/{two}/" in file}
    assert own == {
        f"{two}_seg.nii.gz": "a segmentation, which is never opened",
        f"{two}_t1ce.nii.gz": "a modality that `modalities` does not name",
        "W39_1998.09.19_Segm.nii.gz": "a segmentation, which is never opened",
    }
    others = [reason for file, reason in found.items() if "_001/" in file]
    assert others == ["left out by `exclude`: *_001"] * 5
    assert found[f"{data}/survival_info.csv"] == "a .csv file that this adapter does not read"
    assert f"{data}/name_mapping.csv" not in found


def test_frames_out_of_a_cine(make_acdc: Callable[..., Path]) -> None:
    root = make_acdc(["NOR"])
    folder = root / "training" / "patient001"
    save_nifti(folder / "patient001_4d.nii.gz", np.ones((2, 2, 2, 12), np.int16))
    save_nifti(folder / "patient001_frame01_gt.nii.gz", np.ones((2, 2, 2), np.int16))
    assert listed(root, "acdc") == {
        "training/patient001/patient001_4d.nii.gz": "a frame or a cine that is not needed",
        "training/patient001/patient001_frame01_gt.nii.gz": "a segmentation, which is never opened",
    }
    for path in folder.glob("*_frame??.nii.gz"):
        path.unlink()
    assert set(listed(root, "acdc")) == {"training/patient001/patient001_frame01_gt.nii.gz"}


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    for label in "ab":
        picture(tmp_path / label / "1.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert listed(tmp_path, "image_folder") == {}


def test_a_file_of_arrays_has_no_folder(make_elpv: Callable[..., Path]) -> None:
    wheel = make_elpv([1, 0])
    (wheel.parent / "other.txt").write_text("x")
    assert listed(wheel, "elpv") == {}


@pytest.mark.parametrize("name", ["labels.csv", "deep/labels.csv"])
def test_a_table_of_labels_in_the_folder_is_read(tmp_path: Path, name: str) -> None:
    root = tmp_path / "task"
    save_nifti(root / "imagesTr" / "one.nii", np.ones((2, 2, 2), np.int16))
    (root / "dataset.json").write_text('{"modality": {"0": "CT"}, "training": ["imagesTr/one.nii"], "test": []}')
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("subject_id,label\none,x\n")
    assert listed(root, "msd", labels={"file": str(root / name)}) == {}


def test_a_folder_among_very_many_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers_module, "MOST", 3)
    for label in "ab":
        picture(tmp_path / label / "1.png")
    for number in range(6):
        (tmp_path / "b" / f"{number}.txt").write_text("x")
    found = listed(tmp_path, "image_folder")
    assert list(found) == ["b/0.txt", "b/1.txt", "b/2.txt", "b/3.txt"]
    assert found["b/3.txt"] == "and all files after it: 3 are listed"
