"""Preparation that is killed goes on behind the subjects that are done, and ends with the same bytes."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts import journal, preparation
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.errors import CohortError
from sixgig.tables import QUARANTINE

OPTIONS = {"modalities": ["t1"], "slices": {"count": 3}, "volume": {"size": [4, 6, 6]}}
GRADES = ["HGG", "LGG"] * 4


def prepare(root: Path, output: Path, **changes: Any) -> None:
    arguments = {
        "image_size": 16, "options": OPTIONS, "seed": 1, "max_quarantine_fraction": 0.5,
        "checkpoints": output.parent / "checkpoints", "digest": "source",
    }  # fmt: skip
    prepare_cohort("brats", root, output, **(arguments | changes))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Subjects that are read, one after the other; ``stop_at`` of them raise what a kill would leave."""
    read: list[str] = []
    original = preparation.prepare_subject

    def counted(adapter: Any, record: Any, recipe: Any) -> Any:
        read.append(record.subject_id)
        return original(adapter, record, recipe)

    monkeypatch.setattr(preparation, "prepare_subject", counted)
    monkeypatch.setattr(journal, "_SYNC_EVERY", 0.0)
    return iter([read]).__next__()


@pytest.mark.parametrize("n_done", [0, 1, 5, 7])
def test_a_broken_run_goes_on(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch, n_done: int
) -> None:
    root = make_brats(GRADES)
    bad = next(root.rglob("*003_t1.nii.gz"))
    bad.write_bytes(bad.read_bytes()[:50])
    prepare(root, tmp_path / "whole" / "c")
    count.clear()
    counted = preparation.prepare_subject

    def broken(adapter: Any, record: Any, recipe: Any) -> Any:
        if len(count) == n_done:
            raise KeyboardInterrupt
        return counted(adapter, record, recipe)

    monkeypatch.setattr(preparation, "prepare_subject", broken)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, tmp_path / "broken" / "c")
    assert not (tmp_path / "broken" / "c" / "images.npy").exists()
    monkeypatch.setattr(preparation, "prepare_subject", counted)
    count.clear()
    prepare(root, tmp_path / "broken" / "c")
    assert len(count) == len(GRADES) - n_done
    assert contents(tmp_path / "broken" / "c") == contents(tmp_path / "whole" / "c")
    assert len(QUARANTINE.read(tmp_path / "broken" / "c" / "quarantine.csv")) == 1
    assert not (tmp_path / "broken" / "checkpoints").exists() or not list(
        (tmp_path / "broken" / "checkpoints").iterdir()
    )


def _break_after(n: int, root: Path, output: Path, monkeypatch: pytest.MonkeyPatch, count: list[str]) -> None:
    counted = preparation.prepare_subject

    def broken(adapter: Any, record: Any, recipe: Any) -> Any:
        if len(count) == n:
            raise KeyboardInterrupt
        return counted(adapter, record, recipe)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparation, "prepare_subject", broken)
        prepare(root, output)
    count.clear()


def test_a_torn_last_line_is_not_believed(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    prepare(root, tmp_path / "whole" / "c")
    count.clear()
    _break_after(4, root, tmp_path / "c", monkeypatch, count)
    (lines,) = (tmp_path / "checkpoints").rglob("journal.jsonl")
    lines.write_text(lines.read_text()[:-20])
    (images,) = (tmp_path / "checkpoints").rglob("images.npy")
    images.write_bytes(images.read_bytes() + b"half a row")
    prepare(root, tmp_path / "c")
    assert len(count) == 5
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_lost_arrays_begin_again(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    _break_after(4, root, tmp_path / "c", monkeypatch, count)
    next((tmp_path / "checkpoints").rglob("images.npy")).write_bytes(b"")
    prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES)


def test_a_changed_file_is_read_again_and_what_is_before_it_is_not(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    _break_after(6, root, tmp_path / "c", monkeypatch, count)
    changed = next(root.rglob("*004_t1.nii.gz"))
    os.utime(changed, ns=(1, 1))
    prepare(root, tmp_path / "c")
    assert [name[-3:] for name in count] == ["004", "005", "006", "007", "008"]


@pytest.mark.parametrize("changes", [{"image_size": 20}, {"digest": "new source"}])
def test_another_recipe_begins_again(
    make_brats: Callable[..., Path],
    tmp_path: Path,
    count: list[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    root = make_brats(GRADES)
    _break_after(6, root, tmp_path / "c", monkeypatch, count)
    prepare(root, tmp_path / "c", **changes)
    assert len(count) == len(GRADES)


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


def test_a_read_only_folder_is_named(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    root = make_brats(GRADES)
    (tmp_path / "checkpoints").write_text("a file where a folder has to be")
    with pytest.raises(CohortError, match=r"c: cannot be written: (Not a directory|File exists)"):
        prepare(root, tmp_path / "c")


def test_a_process_that_is_killed(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    """SIGKILL in the middle, with real processes and the real clock."""
    root = make_brats(GRADES * 6)
    prepare(root, tmp_path / "whole" / "c")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from sixgig.cohorts import journal, preparation\n"
        "journal._SYNC_EVERY = 0.0\n"
        "original = preparation.prepare_subject\n"
        "def slow(*arguments): time.sleep(0.05); return original(*arguments)\n"
        "preparation.prepare_subject = slow\n"
        f"preparation.prepare_cohort('brats', Path(sys.argv[1]), Path(sys.argv[2]) / 'c', image_size=16, seed=1,\n"
        f"    options={OPTIONS!r}, max_quarantine_fraction=0.5, checkpoints=Path(sys.argv[2]) / 'checkpoints',\n"
        "    digest='source')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(root), str(tmp_path / "killed")])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = list((tmp_path / "killed").rglob("journal.jsonl"))
        if found and found[0].read_text().count("\n") >= 10:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "c" / "manifest.csv").exists()
    n_kept = found[0].read_text().count("\n")
    assert 10 <= n_kept < 48
    prepare(root, tmp_path / "killed" / "c")
    assert contents(tmp_path / "killed" / "c") == contents(tmp_path / "whole" / "c")
