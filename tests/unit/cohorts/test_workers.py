"""How many processes prepare subjects, and what happens when one of them dies."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import psutil
import pytest
from PIL import Image

from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.adapters.image_folder import ImageFolderAdapter
from sixgig.cohorts.base import Adapter, Item, Record
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import prepare_subject
from sixgig.cohorts.workers import affordable, picture_bytes, results, subject_bytes
from sixgig.runtime.faults import MemoryShortError

MB = 2**20


def records(folder: Path, shape: tuple[int, ...], dtype: str = "int16", suffix: str = ".nii.gz") -> list[Record]:
    array = np.ones(shape, dtype)
    kind = nib.Nifti1Pair if suffix == ".img" else nib.Nifti1Image
    kind(array, np.eye(4)).to_filename(folder / f"a{suffix}")
    files = dict.fromkeys(("t1", "t2"), f"a{suffix}")
    return [Record(folder, "s", None, (Item("s", files),))]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".img"])
def test_memory_by_the_header(tmp_path: Path, suffix: str) -> None:
    """Content, two channels in float32, a mask and its scratch."""
    found = subject_bytes(records(tmp_path, (100, 100, 50), suffix=suffix), Recipe(16))
    voxels = 500_000
    assert found == pytest.approx(2 * voxels + 2 * 4 * voxels + 2 * voxels, rel=0.01)


def test_memory_grows_with_the_work(tmp_path: Path) -> None:
    plain = subject_bytes(records(tmp_path, (50, 50, 50)), Recipe(16))
    assert subject_bytes(records(tmp_path, (50, 50, 50), "float64"), Recipe(16)) > plain
    assert subject_bytes(records(tmp_path, (50, 50, 50)), Recipe(16, n4=True)) > 2 * plain
    assert subject_bytes(records(tmp_path, (50, 50, 50)), Recipe(16, spacing=(1, 1, 1))) > 2 * plain
    assert subject_bytes(records(tmp_path, (50, 50, 50)), Recipe(16, volume_size=(64, 64, 64))) > plain
    (tmp_path / "a.nii.gz").write_bytes(b"")  # it goes to quarantine when its turn comes
    assert subject_bytes([Record(tmp_path, "s", None, (Item("s", {"t1": "a.nii.gz"}),))], Recipe(16)) == 0


@pytest.mark.parametrize(("free_mb", "expected"), [(100, 1), (1000, 1), (1400, 2), (100_000, 4)])
def test_free_memory_limits_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free_mb: int, expected: int
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free_mb * MB))
    monkeypatch.setattr("sixgig.cohorts.workers.subject_bytes", lambda *_: 340 * MB)
    caplog.set_level("INFO")
    assert affordable(BratsAdapter(("t1",)), records(tmp_path, (4, 4, 4)), Recipe(16), 4) == expected
    assert f"{expected} of 4 processes" in caplog.text


def test_large_pictures_limit_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save(tmp_path / label / "x.png")
    (tmp_path / "b" / "y.png").write_bytes(b"damaged")
    adapter = ImageFolderAdapter()
    found = adapter.discover(tmp_path).records
    assert picture_bytes(adapter, found) == 14 * 600
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5000 * MB))
    assert affordable(adapter, found, Recipe(16), 4) == 4
    monkeypatch.setattr("sixgig.cohorts.workers.picture_bytes", lambda *_: 14 * 100_000_000)
    assert affordable(adapter, found, Recipe(16), 4) == 2


def test_a_killed_process_is_one_clear_error(make_brats: Callable[..., Path]) -> None:
    adapter = BratsAdapter(("t1",))
    found = adapter.discover(make_brats(["HGG", "LGG", "HGG", "LGG"])).records

    def dies(adapter: Adapter, record: Record, recipe: Recipe) -> Any:
        if record.subject_id.endswith("003"):
            os._exit(9)
        return prepare_subject(adapter, record, recipe)

    with pytest.raises(MemoryShortError, match=r"killed, probably because memory ran out\n.*fewer cores"):
        list(results(dies, adapter, found, Recipe(16), 2))
