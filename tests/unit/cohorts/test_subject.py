"""What becomes of a subject whose files cannot be used."""

import errno
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.base import Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import prepare_subject
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
    (lost,) = found.rejections
    assert not found.rows
    assert (lost.file, lost.subject_id) == (record.items[0].files["t2"], record.subject_id)
    assert re.match(reason, lost.reason)


def test_a_disk_that_fails(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(BratsAdapter):
        def read_item(self, record: Record, item: Item) -> Volume:
            raise OSError(errno.EIO, "Input/output error", str(record.root / "a" / "b.nii"))

    found = prepare_subject(Failing(("t1",)), record, Recipe(16))
    assert found.rejections == [
        Rejection("a/b.nii", record.subject_id, "cannot be read: Input/output error", passing=True)
    ]


def test_a_bias_field_that_cannot_be_fitted(record: Record) -> None:
    """One slice is not a volume for N4; the subject is left out, the cohort goes on."""
    for name in ("t1", "t2"):
        array = np.random.default_rng(0).integers(1, 99, (16, 16, 1)).astype(np.int16)
        save_nifti(record.root / record.items[0].files[name], array, LPS)
    assert not prepare_subject(ADAPTER, record, Recipe(16)).rejections
    (lost,) = prepare_subject(ADAPTER, record, Recipe(16, n4=True)).rejections
    assert lost.reason.startswith("its bias field cannot be fitted: ")
    assert lost.file == record.items[0].files["t1"]


def test_the_steps_come_in_order(record: Record) -> None:
    """The voxel size changes before the foreground is looked for, and slices are taken from what that leaves."""
    plain, spaced = (
        prepare_subject(ADAPTER, record, Recipe(16, foreground="nonzero", spacing=spacing))
        for spacing in (None, (1.0, 1.0, 2.0))
    )
    assert len(spaced.images) == pytest.approx(len(plain.images) / 2, abs=2)  # the filter widens the head a little
    assert [row["slice"] for row in spaced.rows] == sorted({row["slice"] for row in spaced.rows})


class Moody(BratsAdapter):
    """Stumbles over every item whose name ends with a 2, and has something to say of every other."""

    def read_item(self, record: Record, item: Item) -> Volume:
        if item.item_id.endswith("2"):
            raise TypeError("unhashable type")
        remark = Remark("geometry", "a.nii", record.subject_id, "lies somewhere")
        return replace(super().read_item(record, item), remarks=(remark,))


def test_a_bad_item_costs_the_item(record: Record) -> None:
    (item,) = record.items
    two = replace(record, items=(replace(item, item_id="scan_1"), replace(item, item_id="scan_2")))
    found = prepare_subject(Moody(("t1",)), two, Recipe(16))
    (lost,) = found.rejections
    where = r"\(test_subject\.py, line \d+\)"
    assert re.fullmatch(f"cannot be prepared: TypeError: unhashable type {where}; please report this", lost.reason)
    assert (lost.file, lost.subject_id) == (item.files["t1"], record.subject_id)
    assert len(found.rows) == len(prepare_subject(ADAPTER, record, Recipe(16)).rows)
    assert [remark.text for remark in found.remarks] == ["lies somewhere"]


def test_a_bad_frame_costs_the_subject(record: Record) -> None:
    (item,) = record.items
    frames = (replace(item, item_id="scan_1", frame="ED"), replace(item, item_id="scan_2", frame="ES"))
    found = prepare_subject(Moody(("t1",)), replace(record, items=frames), Recipe(16))
    assert not found.rows
    assert not found.images
    assert len(found.rejections) == 1
