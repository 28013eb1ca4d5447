import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.adapters.msd import MsdAdapter
from sixgig.cohorts.base import Volume
from sixgig.errors import CohortError
from tests.unit.cohorts.tiny_nifti import save_nifti

BRAIN = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}


def task(tmp_path: Path, modality: dict[str, str], shape: tuple[int, ...], n: int = 3) -> Path:
    root = tmp_path / "Task01_BrainTumour"
    rng = np.random.default_rng(0)
    listed: dict[str, Any] = {"modality": modality, "training": [], "test": []}
    for number in range(1, n + 1):
        part, name = ("Tr", f"BRATS_{number:03d}") if number < n else ("Ts", f"BRATS_{number:03d}")
        save_nifti(root / f"images{part}" / f"{name}.nii.gz", rng.integers(0, 99, shape).astype(np.int16))
        file = f"./images{part}/{name}.nii.gz"
        if part == "Tr":
            listed["training"].append({"image": file, "label": f"./labelsTr/{name}.nii.gz"})
        else:
            listed["test"].append(file)
    (root / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"of another system")
    (root / "dataset.json").write_text(json.dumps(listed))
    return root


def test_channels_of_4d_volumes_and_labels(tmp_path: Path) -> None:
    root = task(tmp_path, BRAIN, (6, 5, 4, 4))
    (tmp_path / "grades.csv").write_text("subject_id,label\nBRATS_001,HGG\nBRATS_003,LGG\n")
    adapter = MsdAdapter(["T2w", "FLAIR"], {"labels": {"file": str(tmp_path / "grades.csv")}})
    found = adapter.discover(tmp_path)  # the folder above the task
    assert {record.subject_id: record.label for record in found.records} == {
        "BRATS_001": "HGG", "BRATS_002": None, "BRATS_003": "LGG"
    }  # fmt: skip
    (volume,) = adapter.read(found.records[0])
    assert isinstance(volume, Volume)
    stored = np.random.default_rng(0).integers(0, 99, (6, 5, 4, 4))
    assert np.array_equal(volume.array, stored[..., [3, 0]])
    assert adapter.discover(root).records[0].items[0].files["T2w"] == "imagesTr/BRATS_001.nii.gz@3"


def test_one_modality_needs_no_list(tmp_path: Path) -> None:
    adapter = MsdAdapter()
    found = adapter.discover(task(tmp_path, {"0": "CT"}, (6, 5, 4)))
    assert adapter.modalities == ("CT",)
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (6, 5, 4, 1)


def test_four_modalities_have_to_be_chosen_from(tmp_path: Path) -> None:
    root = task(tmp_path, BRAIN, (6, 5, 4, 4))
    with pytest.raises(CohortError, match=r"lists 4 modalities.*\n.*\[FLAIR, T1w, t1gd\]"):
        MsdAdapter().discover(root)
    with pytest.raises(CohortError, match="lists no modality t1ce\n.*use FLAIR, T1w, t1gd, T2w"):
        MsdAdapter(["t1ce"]).discover(root)


def test_files_that_are_not_there_or_listed_twice(tmp_path: Path) -> None:
    root = task(tmp_path, {"0": "CT"}, (6, 5, 4), n=4)
    (root / "imagesTr" / "BRATS_002.nii.gz").unlink()
    listed = json.loads((root / "dataset.json").read_text())
    listed["training"].append(listed["training"][0])
    (root / "dataset.json").write_text(json.dumps(listed))
    found = MsdAdapter().discover(root)
    assert {rejection.subject_id: rejection.reason for rejection in found.rejections} == {
        "BRATS_002": "is listed in dataset.json and does not exist",
        "BRATS_001": "dataset.json lists this subject twice",
    }
    assert [record.subject_id for record in found.records] == ["BRATS_003", "BRATS_004"]


def test_a_damaged_index(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(CohortError, match=r"dataset\.json: cannot be used"):
        MsdAdapter().discover(tmp_path)
    (tmp_path / "dataset.json").unlink()
    assert MsdAdapter().missing(tmp_path) == [f"{tmp_path} holds no dataset.json"]
