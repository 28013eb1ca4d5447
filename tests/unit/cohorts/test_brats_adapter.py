from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_nifti import LPS, head, save_nifti

from sixgig.cohorts import check_source
from sixgig.cohorts.base import Volume
from sixgig.cohorts.brats import BratsAdapter
from sixgig.errors import CohortError, ImageError

DATA = "MICCAI_BraTS2020_TrainingData"


def _first_file(root: Path) -> Path:
    return root / DATA / "BraTS20_Training_001" / "BraTS20_Training_001_flair.nii.gz"


@pytest.mark.parametrize("below", ["", DATA])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
def test_parent_or_folder_packed_or_not(make_brats: Callable[..., Path], below: str, suffix: str) -> None:
    root = make_brats(["HGG", "LGG", "NA", None], suffix) / below
    assert check_source({"adapter": "brats"}, root) == []
    found = BratsAdapter().discover(root)
    assert [record.label for record in found.records] == ["HGG", "LGG", None, None]
    assert not found.rejections
    file = found.records[0].items[0].files["t1ce"]
    assert (root / file).name == f"BraTS20_Training_001_t1ce{suffix}"


def test_modalities_become_channels_in_the_order_asked_for(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG"])
    adapter = BratsAdapter(["t2", "flair"])
    (volume,) = adapter.read(adapter.discover(root).records[0])
    assert isinstance(volume, Volume)
    rng = np.random.default_rng(1)
    flair, _, _, t2 = (head(rng) for _ in range(4))
    assert volume.array.dtype == np.int16  # as it is stored: most of it is never needed
    assert np.array_equal(volume.array[..., 0], t2)
    assert np.array_equal(volume.array[..., 1], flair)
    assert volume.spacing == (1.0, 1.0, 1.0)
    assert [Path(source).name for source in volume.sources] == [
        "BraTS20_Training_001_t2.nii.gz",
        "BraTS20_Training_001_flair.nii.gz",
    ]


def test_a_missing_modality_matters_only_when_it_is_used(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    _first_file(root).unlink()
    found = BratsAdapter().discover(root)
    assert [record.subject_id for record in found.records] == ["BraTS20_Training_002"]
    assert found.rejections[0].file == str(_first_file(root).relative_to(root))
    assert found.rejections[0].reason == "modality flair is missing"
    assert len(BratsAdapter(["t1", "t2"]).discover(root).records) == 2


def test_modalities_on_two_grids_are_refused(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG"])
    other = root / DATA / "BraTS20_Training_001" / "BraTS20_Training_001_t1.nii.gz"
    save_nifti(other, head(np.random.default_rng(0), (24, 28, 21)), LPS)
    adapter = BratsAdapter()
    with pytest.raises(ImageError, match=r"_t1\.nii\.gz: shape \(24, 28, 21\) .* differ from .*_flair"):
        list(adapter.read(adapter.discover(root).records[0]))


def test_grades_are_needed(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    mapping = root / DATA / "name_mapping.csv"
    mapping.write_text("Grade,BraTS_2019_subject_ID\nHGG,x\n")
    with pytest.raises(
        CohortError, match="lacks the column BraTS_2020_subject_ID; it has Grade, BraTS_2019_subject_ID"
    ):
        BratsAdapter().discover(root)
    mapping.write_text("Grade,BraTS_2020_subject_ID\nHGG,BraTS20_Training_001\nLGG,BraTS20_Training_001\n")
    with pytest.raises(CohortError, match="BraTS20_Training_001 has the grades HGG and LGG"):
        BratsAdapter().discover(root)
    mapping.unlink()
    assert check_source({"adapter": "brats"}, root) == [f"{mapping} (the grades) does not exist"]


def test_a_folder_without_subjects(tmp_path: Path) -> None:
    assert check_source({"adapter": "brats"}, tmp_path) == [
        f"{tmp_path} holds no folder named like BraTS20_Training_001 or BraTS-GLI-00000-000"
    ]
