"""What becomes of a subject whose files cannot be used."""

import errno
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.base import Record, Rejection, Volume
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import PreparedSubject, prepare_subject
from tests.unit.cohorts.tiny_nifti import LPS, save_nifti

ADAPTER = BratsAdapter(("t1", "t2"))


@pytest.fixture
def record(make_brats: Callable[..., Path]) -> Record:
    (found,) = ADAPTER.discover(make_brats(["HGG"])).records
    return found


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"text", "cannot be read"),
        (None, "cannot be read: .*No such file"),
    ],
)
def test_files_that_changed_since_they_were_found(record: Record, data: bytes | None, reason: str) -> None:
    path = record.root / record.items[0].files["t2"]
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    found = prepare_subject(ADAPTER, record, Recipe(16))
    assert isinstance(found, Rejection)
    assert (found.file, found.subject_id) == (record.items[0].files["t2"], record.subject_id)
    assert re.match(reason, found.reason)


def test_a_disk_that_fails(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(BratsAdapter):
        def read(self, record: Record) -> Iterator[Volume]:
            raise OSError(errno.EIO, "Input/output error", str(record.root / "a" / "b.nii"))

    found = prepare_subject(Failing(("t1",)), record, Recipe(16))
    assert found == Rejection("a/b.nii", record.subject_id, "cannot be read: Input/output error", passing=True)


def test_a_bias_field_that_cannot_be_fitted(record: Record) -> None:
    """One slice is not a volume for N4; the subject is left out, the cohort goes on."""
    for name in ("t1", "t2"):
        array = np.random.default_rng(0).integers(1, 99, (16, 16, 1)).astype(np.int16)
        save_nifti(record.root / record.items[0].files[name], array, LPS)
    assert isinstance(prepare_subject(ADAPTER, record, Recipe(16)), PreparedSubject)
    found = prepare_subject(ADAPTER, record, Recipe(16, n4=True))
    assert isinstance(found, Rejection)
    assert found.reason.startswith("its bias field cannot be fitted: ")
    assert found.file == record.items[0].files["t1"]


def test_the_steps_come_in_order(record: Record) -> None:
    """The voxel size changes before the foreground is looked for, and slices are taken from what that leaves."""
    plain, spaced = (
        prepare_subject(ADAPTER, record, Recipe(16, foreground="nonzero", spacing=spacing))
        for spacing in (None, (1.0, 1.0, 2.0))
    )
    assert isinstance(plain, PreparedSubject)
    assert isinstance(spaced, PreparedSubject)
    assert len(spaced.images) == pytest.approx(len(plain.images) / 2, abs=2)  # the filter widens the head a little
    assert [row["slice"] for row in spaced.rows] == sorted({row["slice"] for row in spaced.rows})
