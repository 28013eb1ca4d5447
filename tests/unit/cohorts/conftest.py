"""Tiny cohorts in the layouts of the real ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts import journal, preparation
from tests.unit.cohorts.tiny_nifti import LPS, head, save_nifti

MODALITIES = ("flair", "t1", "t1ce", "t2")


@pytest.fixture
def make_brats(tmp_path: Path) -> Callable[..., Path]:
    """Write BraTS subjects; returns the parent of MICCAI_BraTS2020_TrainingData."""

    def write(grades: Sequence[str | None], suffix: str = ".nii.gz") -> Path:
        root = tmp_path / "brats"
        data = root / "MICCAI_BraTS2020_TrainingData"
        lines = ["Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,"
                 "BraTS_2020_subject_ID"]  # fmt: skip
        for number, grade in enumerate(grades, start=1):
            subject_id = f"BraTS20_Training_{number:03d}"
            rng = np.random.default_rng(number)
            for modality in MODALITIES:
                stored = head(rng)[::-1, ::-1]
                save_nifti(data / subject_id / f"{subject_id}_{modality}{suffix}", stored, LPS)
            (data / subject_id / "W39_1998.09.19_Segm.nii.gz").write_bytes(b"a segmentation under a wrong name")
            if grade is not None:
                lines.append(f"{grade},NA,NA,NA,NA,{subject_id}")
        (data / "name_mapping.csv").write_text("\n".join(lines) + "\n")
        return root

    return write


@pytest.fixture
def make_acdc(tmp_path: Path) -> Callable[..., Path]:
    """Write ACDC patients with the header of the released files; returns the parent of training/."""

    def write(groups: Sequence[str | None], part: str = "training", first: int = 1) -> Path:
        root = tmp_path / "acdc"
        for number, group in enumerate(groups, start=first):
            folder = root / part / f"patient{number:03d}"
            rng = np.random.default_rng(number)
            for frame in (1, 7):
                array = rng.integers(0, 500, (20, 24, 6)).astype(np.int16)
                path = folder / f"patient{number:03d}_frame{frame:02d}.nii.gz"
                save_nifti(path, array, LPS)
                image = nib.load(path)
                image.header["pixdim"][1:4] = (1.5, 1.5, 10.0)  # sform keeps unit scale, as in the released files
                nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header), path)
            lines = ["ED: 1", "ES: 7", f"Group: {group}", "Height: 170.0", "NbFrame: 12", "Weight: 70.0"]
            (folder / "Info.cfg").write_text("\n".join(line for line in lines if group or "Group" not in line) + "\n")
        return root

    return write


@pytest.fixture
def make_elpv(tmp_path: Path) -> Callable[..., Path]:
    """Write an elpv wheel; ``damage`` maps an image's number to the bytes stored instead."""

    def write(probabilities: Sequence[object], damage: dict[int, bytes] | None = None, size: int = 12) -> Path:
        path = tmp_path / "elpv_dataset-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            lines = []
            for number, probability in enumerate(probabilities, start=1):
                name = f"images/cell{number:04d}.png"
                lines.append(f"{name}  {probability}                 {'mono' if number % 2 else 'poly'}")
                stream = io.BytesIO()
                pixels = np.random.default_rng(number).integers(0, 256, (size, size), dtype=np.uint8)
                Image.fromarray(pixels).save(stream, "PNG")
                wheel.writestr(f"elpv_dataset/data/{name}", (damage or {}).get(number, stream.getvalue()))
            wheel.writestr("elpv_dataset/data/labels.csv", "\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of subjects that are read, a list that grows; each is on the disk before the next is read."""
    read: list[str] = []
    original = preparation.prepare_subject

    def counted(adapter: Any, record: Any, recipe: Any) -> Any:
        read.append(record.subject_id)
        return original(adapter, record, recipe)

    monkeypatch.setattr(preparation, "prepare_subject", counted)
    monkeypatch.setattr(journal, "_SYNC_EVERY", 0.0)
    return read
