import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.cohorts.adapters.msd import MsdAdapter
from sixgig.cohorts.adapters.nnunet import NnunetAdapter
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


def test_two_channels_of_one_name_are_told_apart(tmp_path: Path) -> None:
    root = task(tmp_path, {"0": "CT", "1": "CT", "2": "PET"}, (6, 5, 4, 3))
    adapter = MsdAdapter()
    found = adapter.discover(root)
    assert adapter.modalities == ("CT_0", "CT_1", "PET")
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (6, 5, 4, 3)
    assert MsdAdapter(["CT_1"]).discover(root).records[0].items[0].files == {"CT_1": "imagesTr/BRATS_001.nii.gz@1"}
    with pytest.raises(CohortError, match="lists no modality CT\n.*use CT_0, CT_1, PET"):
        MsdAdapter(["CT"]).discover(root)


def test_several_tasks_in_one_folder(tmp_path: Path) -> None:
    root = task(tmp_path, {"0": "CT"}, (6, 5, 4))
    root.rename(tmp_path / "Task03_Liver")
    task(tmp_path, {"0": "CT"}, (6, 5, 4))
    problem = f"{tmp_path} holds 2 folders with dataset.json (Task01_BrainTumour, Task03_Liver); name one of them"
    assert MsdAdapter().missing(tmp_path) == NnunetAdapter().missing(tmp_path) == [problem]
    assert MsdAdapter().missing(root) == []


def test_a_folder_of_nnunet_is_named(tmp_path: Path) -> None:
    root = task(tmp_path, {"0": "CT"}, (6, 5, 4))
    for path in list((root / "imagesTr").glob("BRATS*")):
        path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
    assert "is a folder of nnU-Net" in MsdAdapter().missing(root)[0]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("[]", "holds no object of keys"),
        ('{"modality": {"0": "CT"}, "numTraining": 3}', "does not list the volumes"),
        ('{"modality": {"0": "CT"}, "training": 3}', "does not list the volumes"),
        ('{"modality": {"a": "CT"}, "training": []}', "does not number its channels"),
        ('{"modality": "CT", "training": []}', "does not list channels"),
        ('{"modality": {"0": "CT"}, "training": [{"label": "x"}]}', "None is no file of the task"),
        ('{"modality": {"0": "CT"}, "training": ["../../etc/passwd"]}', "is no file of the task"),
        ('{"modality": {"0": "CT"}, "training": ["/etc/passwd"]}', "is no file of the task"),
        ("[" * 5000, "is not JSON"),
    ],
)
def test_an_index_that_cannot_be_used(tmp_path: Path, index: str, message: str) -> None:
    (tmp_path / "dataset.json").write_text(index)
    with pytest.raises(CohortError, match=message):
        MsdAdapter().discover(tmp_path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("imagesTr/a.nii"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
KEYS = ("modality", "channel_names", "training", "test", "dataset", "file_ending")


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING | st.just({"0": "CT"}), max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("adapter", [MsdAdapter, NnunetAdapter])
def test_whatever_the_index_says_it_is_read_or_refused(tmp_path: Path, adapter: Any, index: dict[str, Any]) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps(index))
    if adapter is NnunetAdapter:
        (tmp_path / "imagesTr").mkdir(exist_ok=True)
        (tmp_path / "imagesTr" / "a_0000.nii").write_text("x")
    records = []
    with contextlib.suppress(CohortError):
        records = adapter().discover(tmp_path).records
    assert all(one.items for one in records)
