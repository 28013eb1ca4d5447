"""Preparation that is killed goes on behind the subjects that are done, and ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts import journal, preparation
from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.errors import CohortError
from sixgig.tables.cohorts import QUARANTINE
from tests.unit.cohorts.tiny_runs import GRADES, OPTIONS, break_after, contents, prepare


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


def test_a_torn_last_line_is_not_believed(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    prepare(root, tmp_path / "whole" / "c")
    count.clear()
    break_after(4, root, tmp_path / "c", monkeypatch, count)
    (lines,) = (tmp_path / "checkpoints").rglob("journal.jsonl")
    lines.write_text(lines.read_text()[:-20])
    (images,) = (tmp_path / "checkpoints").rglob("images.npy")
    images.write_bytes(images.read_bytes() + b"half a row")
    prepare(root, tmp_path / "c")
    assert len(count) == 5
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


@pytest.mark.parametrize(("name", "again"), [("images.npy", 1), ("volumes.npy", 1), ("journal.jsonl", 4)])
def test_a_byte_that_changed_in_a_checkpoint_is_noticed_and_its_subject_is_read_again(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch,
    name: str, again: int,
) -> None:  # fmt: skip
    root = make_brats(GRADES)
    prepare(root, tmp_path / "whole" / "c")
    count.clear()
    break_after(4, root, tmp_path / "c", monkeypatch, count)
    (file,) = (tmp_path / "checkpoints").rglob(name)
    content = bytearray(file.read_bytes())
    place = 40 if name == "journal.jsonl" else 128 + 5
    content[place] ^= 1
    file.write_bytes(content)
    count.clear()
    prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES) - 4 + again
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_lost_arrays_begin_again(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    break_after(4, root, tmp_path / "c", monkeypatch, count)
    next((tmp_path / "checkpoints").rglob("images.npy")).write_bytes(b"")
    prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES)


def test_a_changed_file_is_read_again_and_the_others_are_not(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    break_after(6, root, tmp_path / "c", monkeypatch, count)
    changed = next(root.rglob("*004_t1.nii.gz"))
    os.utime(changed, ns=(1, 1))
    prepare(root, tmp_path / "c")
    assert [name[-3:] for name in count] == ["004", "007", "008"]
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_a_repaired_subject_is_put_in_its_place(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str]
) -> None:
    """Too many files are bad: once they are repaired, only they are read again, and the bytes are those of one run."""
    root = make_brats(GRADES)
    bad = [next(root.rglob(f"*00{number}_t1.nii.gz")) for number in (2, 5)]
    whole = [path.read_bytes() for path in bad]
    for path in bad:
        path.write_bytes(b"broken")
    with pytest.raises(CohortError, match="2 of 8 subjects of cohort c cannot be used"):
        prepare(root, tmp_path / "c", max_quarantine_fraction=0.2)
    assert [name[-3:] for name in count] == ["001", "002", "003", "004", "005"]
    count.clear()
    bad[0].write_bytes(whole[0])
    prepare(root, tmp_path / "c", max_quarantine_fraction=0.2)
    assert [name[-3:] for name in count] == ["002", "006", "007", "008"]
    assert [path.suffix for path in sorted((tmp_path / "c").iterdir())] == [
        ".json",
        ".csv",
        ".npy",
        ".csv",
        ".csv",
        ".csv",
        ".npy",
    ]
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_a_higher_limit_keeps_the_subjects_of_the_lower_one(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    break_after(4, root, tmp_path / "c", monkeypatch, count, options={**OPTIONS, "limit": 6})
    prepare(root, tmp_path / "c")
    assert len(count) == len(GRADES) - 4
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_two_processes_go_on_too(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    break_after(3, root, tmp_path / "c", monkeypatch, count)
    monkeypatch.undo()
    prepare(root, tmp_path / "c", workers=2)
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


@pytest.mark.parametrize(
    "changes",
    [{"image_size": 20}, {"digest": "new source"}, {"options": {**OPTIONS, "normalise": {"high": 98}}}],
)
def test_another_recipe_begins_again(
    make_brats: Callable[..., Path],
    tmp_path: Path,
    count: list[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    root = make_brats(GRADES)
    break_after(6, root, tmp_path / "c", monkeypatch, count)
    prepare(root, tmp_path / "c", **changes)
    assert len(count) == len(GRADES)


def test_other_options_of_the_adapter_begin_again(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    break_after(6, root, tmp_path / "c", monkeypatch, count)
    monkeypatch.setattr(BratsAdapter, "option_keys", ("labels", "frames"))
    prepare(root, tmp_path / "c", options={**OPTIONS, "frames": ["ED"]})
    assert len(count) == len(GRADES)


def test_lines_follow_the_rows_that_they_speak_of(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At no moment does a line on the disk speak of rows that are not there yet."""
    seen = []
    sync = journal.ArrayStream.sync

    def watched(self: journal.ArrayStream) -> None:
        sync(self)
        for lines in (tmp_path / "checkpoints").rglob("journal.jsonl"):
            seen.append((lines.read_text().count("\n"), len(count)))

    monkeypatch.setattr(journal.ArrayStream, "sync", watched)
    prepare(make_brats(GRADES), tmp_path / "c")
    assert len(seen) >= 2 * len(GRADES)
    assert all(n_lines < n_read for n_lines, n_read in seen[: 2 * len(GRADES)])


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
