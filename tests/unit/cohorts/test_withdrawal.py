"""Nothing stays of a subject that is no longer in a cohort."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.inventory import read_inventory
from sixgig.errors import CohortError
from tests.unit.cohorts.tiny_runs import GRADES, break_after, contents, prepare

GONE = "BraTS20_Training_003"


def withdraw(root: Path) -> None:
    shutil.rmtree(next(root.rglob(GONE)))
    mapping = next(root.rglob("name_mapping.csv"))
    mapping.write_text("".join(line for line in mapping.read_text().splitlines(True) if GONE not in line))


def pixels(folder: Path) -> set[bytes]:
    """Return every row of every images.npy below a folder."""
    arrays = [np.load(path) for path in folder.rglob("*images.npy")]
    return {row.tobytes() for array in arrays for row in array}


def test_the_journal_of_a_broken_run_forgets_them(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    before = np.load(tmp_path / "whole" / "c" / "images.npy")
    of_gone = {row.tobytes() for row in before[6:9]}  # three slices a subject
    count.clear()
    break_after(5, root, tmp_path / "c", monkeypatch, count)
    journal = next((tmp_path / "checkpoints").rglob("journal.jsonl"))
    assert GONE in journal.read_text()
    withdraw(root)
    break_after(1, root, tmp_path / "c", monkeypatch, count)
    assert GONE not in journal.read_text()
    images = np.memmap(journal.with_name("images.npy"), np.uint8, "r", offset=128)[: 5 * 3 * 16 * 16 * 3]
    kept = {images[start : start + 768].tobytes() for start in range(0, len(images), 768)}
    assert kept & {row.tobytes() for row in before}
    assert not kept & of_gone
    assert not list(journal.parent.glob("ordered-*"))
    count.clear()
    prepare(root, tmp_path / "c")
    assert [name[-3:] for name in count] == ["007", "008"]
    prepare(root, tmp_path / "again" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "again" / "c")


def test_the_journal_of_a_failed_run_forgets_them(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str]
) -> None:
    """Too many files were bad, and what was prepared before is kept for the next run."""
    root = make_brats(GRADES)
    for number in (4, 5):
        next(root.rglob(f"*00{number}_t1.nii.gz")).write_bytes(b"broken")
    failed = tmp_path / "quarantine.csv"
    with pytest.raises(CohortError, match="2 of 8 subjects"):
        prepare(root, tmp_path / "c", max_quarantine_fraction=0.2, failed_list=failed)
    withdraw(root)
    with pytest.raises(CohortError, match="2 of 7 subjects"):
        prepare(root, tmp_path / "c", max_quarantine_fraction=0.2, failed_list=failed)
    assert [path for path in tmp_path.glob("c*/**/*.*") if GONE.encode() in path.read_bytes()] == []
    assert GONE not in failed.read_text()


def test_files_of_arms_that_are_no_longer_in_the_study(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    study = tmp_path / "results" / "s"
    output = study / "cohorts" / "c"
    inventory = output / "inventory.json"
    root = make_brats(GRADES)
    prepare(root, output, inventory=inventory)
    names = (
        "features/c/old.npz", "features/c/old.images.npy", "predictions/c/old.svm.csv", "pretraining/c/old.npz",
        "figures/c/roc.svg", ".checkpoints/encode-c-old/key/features.npy", "logs/encode_images/c.old.log",
    )  # fmt: skip
    others = (
        "features/other/old.npz", ".checkpoints/encode-other-c/key/features.npy", "logs/encode_images/other.old.log",
        "logs/prepare_cohort/c.log", "metrics.csv",
    )  # fmt: skip
    for name in (*names, *others):
        (study / name).parent.mkdir(parents=True, exist_ok=True)
        (study / name).write_text(GONE)
    prepare(root, output, inventory=inventory)
    assert all((study / name).exists() for name in (*names, *others))
    withdraw(root)
    prepare(root, output, inventory=inventory)
    assert not [name for name in names if (study / name).exists()]
    assert all((study / name).exists() for name in others)
    known = read_inventory(inventory)
    assert known is not None
    assert len(known.labels) == 7
    assert GONE not in inventory.read_text()
