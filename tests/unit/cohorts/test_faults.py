"""A drive that is gone and a permission that is missing say nothing about a file, and are not remembered."""

import errno
import gzip
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts import preparation
from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.base import Rejection
from sixgig.cohorts.dicom import folder
from sixgig.cohorts.dicom.subjects import Subjects
from sixgig.cohorts.faults import check_still_there, passing_fault
from sixgig.cohorts.inventory import next_attempt, read_inventory, take_stock
from sixgig.errors import CohortError, ImageError
from sixgig.tables.cohorts import QUARANTINE
from tests.unit.cohorts.tiny_runs import GRADES, contents, prepare


@pytest.mark.parametrize(
    "number", [errno.EACCES, errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ENOENT, errno.ETIMEDOUT]
)
def test_faults_that_pass(number: int) -> None:
    error = OSError(number, "said by the system")
    assert passing_fault(error) is error
    wrapped = ImageError("a.nii", "cannot be read", "restore it")
    wrapped.__cause__ = error
    assert passing_fault(wrapped) is error


@pytest.mark.parametrize(
    "error",
    [
        gzip.BadGzipFile("Not a gzipped file"),
        zlib.error("incorrect data check"),
        EOFError("ends early"),
        OSError("cannot identify image file"),
        OSError(errno.EINVAL, "Invalid argument"),
        ImageError("a.nii", "is empty", "restore it"),
        None,
    ],
)
def test_faults_of_the_file(error: BaseException | None) -> None:
    assert passing_fault(error) is None


def locked(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError) -> None:
    """Let one file answer like one that cannot be reached; root may read whatever `chmod` forbids."""
    read = BratsAdapter.read_item

    def refuse(self: BratsAdapter, record: Any, item: Any) -> Any:
        if name in item.item_id:
            raise ImageError(record.root / item.files["t1"], f"cannot be read: {error}", "restore it") from error
        return read(self, record, item)

    monkeypatch.setattr(BratsAdapter, "read_item", refuse)


def test_a_file_that_could_not_be_reached_is_read_by_the_next_run(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run ends with too many bad files; size and time of the one that was locked do not change."""
    root = make_brats(GRADES)
    next(root.rglob("*005_t1.nii.gz")).write_bytes(b"broken")
    with monkeypatch.context() as patch, pytest.raises(CohortError, match="2 of 8 subjects"):
        locked(patch, "003", OSError(errno.EACCES, "Permission denied"))
        prepare(root, tmp_path / "c", max_quarantine_fraction=0.2)
    count.clear()
    prepare(root, tmp_path / "c", max_quarantine_fraction=0.2)
    assert [name[-3:] for name in count] == ["003", "006", "007", "008"]
    prepare(root, tmp_path / "whole" / "c", checkpoints=tmp_path / "other")
    assert contents(tmp_path / "c") == contents(tmp_path / "whole" / "c")


def test_a_finished_cohort_is_looked_at_again_when_the_file_can_be_read(
    make_brats: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, inventory = make_brats(GRADES), tmp_path / "c" / "inventory.json"
    with monkeypatch.context() as patch:
        locked(patch, "003", OSError(errno.EIO, "Input/output error"))
        prepare(root, tmp_path / "c", inventory=inventory)
    (row,) = QUARANTINE.read(tmp_path / "c" / "quarantine.csv").itertuples()
    assert row.reason == "cannot be read: [Errno 5] Input/output error"
    known = read_inventory(inventory)
    assert known is not None
    assert known.again == (row.file,)
    stock = take_stock(BratsAdapter(("t1",)), root)
    assert (known.attempt, next_attempt(known, stock)) == (0, 1)
    prepare(root, tmp_path / "c", inventory=inventory)
    known = read_inventory(inventory)
    assert known is not None
    assert (known.again, known.attempt, next_attempt(known, stock)) == ((), 1, 1)
    assert len(QUARANTINE.read(tmp_path / "c" / "quarantine.csv")) == 0


def test_a_drive_that_goes_stops_the_cohort(
    make_brats: Callable[..., Path], tmp_path: Path, count: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_brats(GRADES)
    whole = tmp_path / "elsewhere"
    shutil.copytree(root, whole)
    counted = preparation.prepare_subject

    def unplugged(adapter: Any, record: Any, recipe: Any) -> Any:
        if len(count) == 3:
            shutil.rmtree(root)
        return counted(adapter, record, recipe)

    with monkeypatch.context() as patch, pytest.raises(CohortError, match="is no longer there: No such file") as caught:
        patch.setattr(preparation, "prepare_subject", unplugged)
        prepare(root, tmp_path / "c", max_quarantine_fraction=1.0)
    assert "connect the drive" in caught.value.next_step
    assert not (tmp_path / "c" / "manifest.csv").exists()
    shutil.copytree(whole, root)
    count.clear()
    prepare(root, tmp_path / "c", max_quarantine_fraction=0.0)
    assert len(count) == 5


def test_a_header_that_could_not_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")

    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(folder, "looks_like_dicom", refuse)
    found = folder.scan(tmp_path, Subjects({}), ())
    assert found.rejections == [Rejection("a.dcm", None, "cannot be read: Permission denied", passing=True)]


def test_an_empty_place_of_a_drive_counts_as_gone(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="is empty now"):
        check_still_there(tmp_path)
    (tmp_path / "a.npz").write_bytes(b"")
    check_still_there(tmp_path)
    check_still_there(tmp_path / "a.npz")
