"""What is in doubt about a NIfTI file reaches the volume of every adapter that reads them: file, subject and words."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from sixgig.cohorts.adapters.acdc import AcdcAdapter
from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.adapters.msd import MsdAdapter
from sixgig.cohorts.adapters.table import TableAdapter
from sixgig.cohorts.base import Adapter, Remark, Volume
from tests.unit.cohorts.tiny_nifti import save_nifti

OBLIQUE = "lies obliquely, by up to 15 degrees: slices follow its own axes, not those of the body"


def turn(path: Path) -> None:
    """Store a file again, turned by 12 degrees about the axis of the body."""
    angle = np.deg2rad(12)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    save_nifti(path, np.array(nib.load(path).dataobj), affine)


def remarks(adapter: Adapter, root: Path) -> list[tuple[Remark, ...]]:
    found = adapter.discover(root)
    volumes = [volume for record in found.records for volume in adapter.read(record)]
    assert all(isinstance(volume, Volume) for volume in volumes)
    return [volume.remarks for volume in volumes]


def test_brats(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    folder = "MICCAI_BraTS2020_TrainingData/BraTS20_Training_002/BraTS20_Training_002"
    for modality in ("t1", "t2"):
        turn(root / f"{folder}_{modality}.nii.gz")
    said = (Remark("geometry", f"{folder}_t2.nii.gz", "BraTS20_Training_002", OBLIQUE),)
    assert remarks(BratsAdapter(("t2", "t1")), root) == [(), said]  # once for both


@pytest.mark.parametrize("cine", [False, True])
def test_acdc(make_acdc: Callable[..., Path], cine: bool) -> None:
    """Of an sform of unit scale beside the true pixdim nothing is said: all released files are so."""
    root = make_acdc(["NOR"])
    folder = root / "training" / "patient001"
    ed, es = (folder / f"patient001_frame{number:02d}.nii.gz" for number in (1, 7))
    assert remarks(AcdcAdapter(), root) == [(), ()]
    if cine:
        save_nifti(
            folder / "patient001_4d.nii.gz", np.random.default_rng(0).integers(0, 99, (5, 6, 4, 12)).astype("i2")
        )
        ed.unlink()
        es.unlink()
        ed = es = folder / "patient001_4d.nii.gz"
    turn(ed)
    said = (Remark("geometry", f"training/patient001/{ed.name}", "patient001", OBLIQUE),)
    assert remarks(AcdcAdapter(), root) == [said, said if cine else ()]


def test_msd(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (6, 5, 4, 2)).astype(np.int16)
    save_nifti(tmp_path / "imagesTr" / "a.nii.gz", array)
    turn(tmp_path / "imagesTr" / "a.nii.gz")
    index = {"modality": {"0": "T2", "1": "ADC"}, "training": [{"image": "./imagesTr/a.nii.gz"}], "test": []}
    (tmp_path / "dataset.json").write_text(json.dumps(index))
    assert remarks(MsdAdapter(), tmp_path) == [(Remark("geometry", "imagesTr/a.nii.gz", "a", OBLIQUE),)]


def test_table(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (6, 5, 4)).astype(np.int16)
    for place in ("in/one.nii", "elsewhere/two.nii"):
        save_nifti(tmp_path / place, array)
        turn(tmp_path / place)
    (tmp_path / "in" / "t.csv").write_text("path,subject_id,label\none.nii,a,x\n../elsewhere/two.nii,b,y\n")
    first, second = remarks(TableAdapter(options={"dimensions": 3}), tmp_path / "in" / "t.csv")
    assert first == (Remark("geometry", "one.nii", "a", OBLIQUE),)
    assert second == (Remark("geometry", "../elsewhere/two.nii", "b", OBLIQUE),)
