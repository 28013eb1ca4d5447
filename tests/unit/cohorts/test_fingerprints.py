"""What makes a subject count as another one than was prepared."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sixgig.cohorts.base import Item, Record
from sixgig.cohorts.fingerprints import files_of, fingerprint


@pytest.fixture
def record(tmp_path: Path) -> Record:
    for name in ("a.hdr", "a.img", "cine.nii.gz"):
        (tmp_path / name).write_bytes(b"1234")
    items = (Item("s_1", {"t1": "a.hdr"}), Item("s_2", {"cine": "cine.nii.gz@3"}, "ED"))
    return Record(tmp_path, "s", "sick", items)


@pytest.mark.parametrize("name", ["a.hdr", "a.img", "cine.nii.gz"])
def test_time_and_size_of_every_file(record: Record, name: str) -> None:
    before = fingerprint(record)
    assert fingerprint(record) == before
    os.utime(record.root / name, ns=(5, 5))
    later = fingerprint(record)
    (record.root / name).write_bytes(b"12345")
    os.utime(record.root / name, ns=(5, 5))
    longer = fingerprint(record)
    (record.root / name).unlink()
    assert len({before, later, longer, fingerprint(record)}) == 4


def test_all_else_that_changes_pixels(record: Record) -> None:
    first, second = record.items
    others = [
        replace(record, subject_id="t"),
        replace(record, items=(second, first)),
        replace(record, items=(first, replace(second, frame="ES"))),
        replace(record, items=(first, replace(second, files={"cine": "cine.nii.gz@4"}))),
        replace(record, items=(replace(first, files={"t2": "a.hdr"}), second)),
    ]
    assert len({fingerprint(one) for one in [record, *others]}) == 6
    classes = [replace(record, label=None), replace(record, label="healthy"), replace(record, official="test")]
    assert {fingerprint(one) for one in classes} == {fingerprint(record)}


def test_files_of_an_archive_are_told_by_the_archive(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"12")
    record = Record(tmp_path / "a.whl", "s", None, (Item("s", {"image": "inside.png"}),))
    before = fingerprint(record)
    (tmp_path / "a.whl").write_bytes(b"123")
    assert fingerprint(record) != before


def test_a_name_with_an_at_sign_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a@2.nii").write_bytes(b"")
    assert list(files_of(tmp_path, "a@2.nii")) == [tmp_path / "a@2.nii"]
    assert list(files_of(tmp_path, "a@2.nii@7")) == [tmp_path / "a@2.nii"]
