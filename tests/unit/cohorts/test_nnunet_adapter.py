"""Folders of nnU-Net, versions 1 and 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.adapters.nnunet import NnunetAdapter
from sixgig.cohorts.base import Volume
from sixgig.command.propose import propose
from sixgig.errors import CohortError
from tests.unit.cohorts.tiny_nifti import save_nifti

V1 = {"modality": {"0": "T1", "1": "T2"}, "training": [{"image": "./imagesTr/c0.nii.gz", "label": "x"}], "test": []}
V2 = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0}, "numTraining": 2, "file_ending": ".nii.gz"}


def data(tmp_path: Path, index: dict[str, Any], channels: int = 2, ending: str = ".nii.gz") -> Path:
    """Write two training cases and a test case; the values of a file say which it is."""
    root = tmp_path / "Dataset001_Brain"
    for number, folder in enumerate(("imagesTr", "imagesTr", "imagesTs")):
        for channel in range(channels):
            array = np.random.default_rng(10 * number + channel).integers(0, 99, (6, 5, 4)).astype(np.int16)
            save_nifti(root / folder / f"c{number}_{channel:04d}{ending}", array)
    save_nifti(root / "labelsTr" / f"c0{ending}", np.ones((6, 5, 4), np.int16))
    (root / "dataset.json").write_text(json.dumps(index))
    return root


@pytest.mark.parametrize("index", [V1, V2], ids=["version 1", "version 2"])
def test_channels_are_files(tmp_path: Path, index: dict[str, Any]) -> None:
    adapter = NnunetAdapter(["T2", "T1"])
    found = adapter.discover(data(tmp_path, index))
    assert [one.subject_id for one in found.records] == ["c0", "c1", "c2"]
    assert found.records[2].items[0].files == {"T2": "imagesTs/c2_0001.nii.gz", "T1": "imagesTs/c2_0000.nii.gz"}
    (volume,) = adapter.read(found.records[1])
    assert isinstance(volume, Volume)
    for place, channel in enumerate((1, 0)):
        stored = np.random.default_rng(10 + channel).integers(0, 99, (6, 5, 4))
        assert np.array_equal(volume.array[..., place], stored)


def test_two_channels_of_one_name(tmp_path: Path) -> None:
    adapter = NnunetAdapter()
    found = adapter.discover(
        data(tmp_path, {"channel_names": {"0": "CT", "1": "CT"}, "file_ending": ".nii"}, 2, ".nii")
    )
    assert adapter.modalities == ("CT_0", "CT_1")
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (6, 5, 4, 2)


def test_classes_come_from_a_table(tmp_path: Path) -> None:
    root = data(tmp_path, V2)
    (tmp_path / "t.csv").write_text("subject_id,label\nc0,x\nc2,y\n")
    labels = {"file": str(tmp_path / "t.csv")}
    found = NnunetAdapter(None, {"labels": labels}).discover(root)
    assert [one.label for one in found.records] == ["x", None, "y"]
    assert [(one.kind, one.subject_id) for one in found.remarks] == [("label", "c1")]
    assert NnunetAdapter(None, {"labels": labels}).label_files(root) == [root / "dataset.json", tmp_path / "t.csv"]
    (tmp_path / "t.csv").write_text("subject_id,label\nc0_0000.nii.gz,x\nc2,y\n")
    with pytest.raises(CohortError, match="max_unmatched"):
        NnunetAdapter(None, {"labels": labels}).discover(root)


def test_a_missing_channel_costs_the_case_when_it_is_used(tmp_path: Path) -> None:
    root = data(tmp_path, V2)
    (root / "imagesTr" / "c1_0001.nii.gz").unlink()
    found = NnunetAdapter().discover(root)
    assert [one.subject_id for one in found.records] == ["c0", "c2"]
    assert [(one.file, one.subject_id, one.reason) for one in found.rejections] == [
        ("imagesTr/c1_0000.nii.gz", "c1", "channel T2 (_0001) is missing")
    ]
    assert len(NnunetAdapter(["T1"]).discover(root).records) == 3


def test_a_list_of_files_in_version_2(tmp_path: Path) -> None:
    root = data(tmp_path, V2)
    images = [["imagesTr/c0_0000.nii.gz", "imagesTs/c2_0001.nii.gz"], ["imagesTr/c1_0000.nii.gz", "gone.nii.gz"]]
    listed = {f"case{place}": {"images": files, "label": "x"} for place, files in enumerate(images)}
    (root / "dataset.json").write_text(json.dumps({**V2, "dataset": listed}))
    found = NnunetAdapter().discover(root)
    assert [(one.subject_id, dict(one.items[0].files)) for one in found.records] == [
        ("case0", {"T1": "imagesTr/c0_0000.nii.gz", "T2": "imagesTs/c2_0001.nii.gz"})
    ]
    assert [one.reason for one in found.rejections] == ["is listed in dataset.json and does not exist"]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"file_ending": ".mha", "channel_names": {"0": "T1"}}, "its file_ending is '.mha'"),
        ({"channel_names": {"0": "a", "1": "b", "2": "c", "3": "d"}}, r"lists 4 modalities.*\n.*\[a, b, c\]"),
        ({"labels": {}}, "modality does not list channels"),
    ],
)
def test_what_is_not_read(tmp_path: Path, index: dict[str, Any], message: str) -> None:
    with pytest.raises(CohortError, match=message):
        NnunetAdapter().discover(data(tmp_path, index))


def test_other_folders(tmp_path: Path) -> None:
    assert NnunetAdapter().missing(tmp_path / "no") == [f"{tmp_path / 'no'} does not exist or is not a folder"]
    assert NnunetAdapter().missing(tmp_path) == [f"{tmp_path} holds no dataset.json"]
    root = data(tmp_path, V2, ending=".nii.gz")
    for path in list(root.glob("images*/*")):
        path.rename(path.with_name(path.name.replace(".nii.gz", ".mha")))
    assert "only NIfTI files (.nii.gz, .nii) are read" in NnunetAdapter().missing(root)[0]


def test_it_is_proposed(tmp_path: Path) -> None:
    index = {"channel_names": {"0": "a", "1": "b", "2": "c", "3": "d"}, "file_ending": ".nii.gz"}
    found = propose(data(tmp_path, index, channels=4))
    assert (found.stanza["adapter"], found.stanza["modalities"]) == ("nnunet", ["a", "b", "c"])
