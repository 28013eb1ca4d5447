"""Disks that are full, read-only or of another kind: one clear error, and nothing that was prepared is lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts import journal, preparation
from sixgig.errors import CohortError
from tests.unit.cohorts.tiny_runs import GRADES, OPTIONS, contents, prepare


def test_a_full_disk_keeps_what_is_done(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    append = journal.ArrayStream.append

    def full(self: Any, rows: Any) -> None:
        if len(count) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(journal.ArrayStream, "append", full)
        with pytest.raises(CohortError, match="cannot be written: No space left on device") as caught:
            prepare(root, tmp_path / "c")
    assert "the subjects prepared so far are kept" in str(caught.value)
    count.clear()
    prepare(root, tmp_path / "c")
    assert len(count) == 3


@pytest.mark.parametrize("name", ["manifest.csv", "quarantine.csv", "cohort.json", "volumes.npy"])
def test_a_disk_that_is_full_at_the_very_end_loses_nothing(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = make_brats(GRADES)
    replace = os.replace

    def full(source: Any, target: Any, **more: Any) -> None:
        if Path(target) == tmp_path / "c" / name:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(CohortError, match=r"c: cannot be written: No space left"):
            prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES)
    assert not list((tmp_path / "c").glob(".partial*"))
    for path in (tmp_path / "c").iterdir():  # as Snakemake does with the outputs of a job that failed
        path.unlink()
    prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES)
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_published_files_do_not_change_when_the_journal_goes_on(
    make_brats: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be second names of the journal's files."""
    root = make_brats(GRADES)
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "drop", lambda folder: None)  # killed at that moment
        prepare(root, tmp_path / "c")
    before = contents(tmp_path / "c")
    os.utime(next(root.rglob("*004_t1.nii.gz")), ns=(1, 1))

    def fails(*arguments: Any) -> None:
        assert contents(tmp_path / "c") == before
        raise KeyboardInterrupt

    monkeypatch.setattr(journal.ArrayStream, "in_order", fails)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, tmp_path / "c")


def test_without_second_names_files_are_copied(
    make_brats: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    prepare(root, tmp_path / "whole" / "c")

    def refuses(source: Any, target: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    prepare(root, tmp_path / "c")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_the_kernel_refuses_to_let_a_file_grow(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    """A real failure of write(2), in the middle of a row."""
    root = make_brats(GRADES * 2)
    code = (
        "import resource, sys; from pathlib import Path; from sixgig.cohorts import journal\n"
        "from sixgig.cohorts.preparation import prepare_cohort\n"
        "from sixgig.errors import CohortError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        f"    prepare_cohort('brats', Path(sys.argv[1]), Path(sys.argv[2]) / 'c', image_size=16, seed=1,\n"
        f"        options={OPTIONS!r}, max_quarantine_fraction=0.5, checkpoints=Path(sys.argv[2]) / 'checkpoints',\n"
        "        digest='source')\n"
        "except CohortError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    (lines,) = (tmp_path / "checkpoints").rglob("journal.jsonl")
    assert lines.read_text().count("\n") == 8  # 20,000 bytes hold 8 subjects of 3 pictures, and no 9th
    prepare(root, tmp_path / "c")
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_a_read_only_folder_is_named(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    root = make_brats(GRADES)
    (tmp_path / "checkpoints").write_text("a file where a folder has to be")
    with pytest.raises(CohortError, match=r"checkpoints: cannot be written: (Not a directory|File exists)"):
        prepare(root, tmp_path / "c")
