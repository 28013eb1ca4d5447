"""A cohort that was prepared before: what has not changed is not read again, and the bytes are those of one run."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixgig.tables.cohorts import MANIFEST
from tests.unit.cohorts.test_withdrawal import GONE, pixels, withdraw
from tests.unit.cohorts.tiny_runs import GRADES, OPTIONS, contents, prepare

ARRAYS = ("images.npy", "volumes.npy")


@pytest.fixture
def prepared(make_brats: Callable[..., Path], tmp_path: Path, count: list[str]) -> tuple[Path, Callable[[], list[str]]]:
    """A cohort that is prepared; and a function that prepares it again and returns the subjects that were read."""
    root, output = make_brats(GRADES), tmp_path / "s" / "cohorts" / "c"
    inventory = output / "inventory.json"
    arguments: dict[str, Any] = {"inventory": inventory, "checkpoints": tmp_path / "s" / ".checkpoints"}
    prepare(root, output, **arguments)

    def again() -> list[str]:
        count.clear()
        for path in output.iterdir():
            if path != inventory:
                path.unlink()  # as Snakemake does
        prepare(root, output, **arguments)
        read = [name[-3:] for name in count]
        whole = tmp_path / "whole" / "c"
        shutil.rmtree(whole, ignore_errors=True)
        prepare(root, whole, checkpoints=tmp_path / "other")
        found = contents(output)
        del found["inventory.json"]
        assert found == contents(whole)
        return read

    return root, again


def test_corrected_classes_read_nothing(prepared: tuple[Path, Callable[[], list[str]]], tmp_path: Path) -> None:
    root, again = prepared
    output = tmp_path / "s" / "cohorts" / "c"
    before = {name: (output / name).read_bytes() for name in ARRAYS}
    mapping = next(root.rglob("name_mapping.csv"))
    mapping.write_text(
        mapping.read_text().replace("HGG,NA,NA,NA,NA,BraTS20_Training_003", "LGG,,,,,BraTS20_Training_003")
    )
    assert again() == []
    assert {name: (output / name).read_bytes() for name in ARRAYS} == before
    manifest = MANIFEST.read(output / "manifest.csv")
    assert set(manifest.loc[manifest["subject_id"] == GONE, "label"]) == {"LGG"}


def test_a_replaced_volume_is_read_and_no_other(prepared: tuple[Path, Callable[[], list[str]]]) -> None:
    root, again = prepared
    os.utime(next(root.rglob("*004_t1.nii.gz")), ns=(1, 1))
    assert again() == ["004"]
    assert again() == []


def test_a_subject_that_is_gone_is_gone_from_what_is_kept(
    prepared: tuple[Path, Callable[[], list[str]]], tmp_path: Path
) -> None:
    root, again = prepared
    images = np.load(tmp_path / "s" / "cohorts" / "c" / "images.npy")
    withdraw(root)
    assert again() == []
    assert not pixels(tmp_path / "s") & {row.tobytes() for row in images[6:9]}
    assert [
        path for path in (tmp_path / "s").rglob("*.*") if path.is_file() and GONE.encode() in path.read_bytes()
    ] == []


def test_a_file_that_was_refused_is_looked_at_again(prepared: tuple[Path, Callable[[], list[str]]]) -> None:
    """Whether it can be read may depend on what is installed."""
    root, again = prepared
    next(root.rglob("*005_t1.nii.gz")).write_bytes(b"broken")
    assert again() == ["005"]
    assert again() == ["005"]


def test_what_is_kept_takes_no_room(prepared: tuple[Path, Callable[[], list[str]]], tmp_path: Path) -> None:
    for name in ARRAYS:
        (kept,) = (tmp_path / "s" / ".checkpoints").rglob(name)
        assert kept.samefile(tmp_path / "s" / "cohorts" / "c" / name)


def test_nothing_is_kept_without_second_names(
    make_brats: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    output = tmp_path / "s" / "cohorts" / "c"
    prepare(
        make_brats(GRADES), output, inventory=output / "inventory.json", checkpoints=tmp_path / "s" / ".checkpoints"
    )
    assert (output / "images.npy").exists()
    assert not list((tmp_path / "s").rglob("journal.jsonl"))


def test_nothing_is_kept_when_copies_were_left_out(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    """What is published then lacks rows; to keep them beside it would take as much room again."""
    root, output = make_brats(["HGG"] * 4 + ["LGG"] * 4), tmp_path / "s" / "cohorts" / "c"
    shutil.copy(next(root.rglob("*001_t1.nii.gz")), next(root.rglob("*002_t1.nii.gz")))
    arguments: dict[str, Any] = {"inventory": output / "inventory.json", "checkpoints": tmp_path / "s" / ".checkpoints"}
    prepare(root, output, options={**OPTIONS, "duplicates": "drop"}, **arguments)
    assert len(np.load(output / "images.npy")) == 7 * 3
    assert not list((tmp_path / "s").rglob("journal.jsonl"))
