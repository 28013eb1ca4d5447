"""What has changed, in words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts.changes import describe_changes
from sixgig.cohorts.inventory import Inventory, Stock, discover, take_stock
from sixgig.cohorts.registry import open_adapter

ADAPTER = open_adapter({"adapter": "table"})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"{number}.png,s{number},{'ab'[number % 2]}" for number in range(6)]
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(b"picture")
    (tmp_path / "labels.csv").write_text("\n".join(["path,subject_id,label", *rows]) + "\n")
    return tmp_path / "labels.csv"


def inventory(stock: Stock) -> Inventory:
    labels = {record.subject_id: record.label for record in discover(ADAPTER, stock).records}
    return Inventory(stock.state, stock.files, labels)


def edit(table: Path, *changes: tuple[str, str]) -> None:
    text = table.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    table.write_text(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], []),
        ([("s1,b", "s1,a")], ["labels.csv: 1 subject relabelled (s1)"]),
        (
            [("s0,a", "s0,b"), ("s1,b", "s1,a"), ("s2,a", "s2,b"), ("s3,b", "s3,a"), ("5.png,s5,b\n", "")],
            ["labels.csv: 4 subjects relabelled (s0, s1, s2, ...), 1 removed (s5)", "1 file removed: 5.png"],
        ),
        ([("s1,b", "s1,")], ["labels.csv: 1 subject without a class now (s1)"]),
        (
            [("5.png,s5,b\n", "6.png,s6,b\n")],
            ["labels.csv: 1 subject added (s6), 1 removed (s5)", "1 file added, 1 removed, such as 6.png"],
        ),
        ([("path,subject_id,label", "path,subject_id,label,note")], ["labels.csv: changed"]),
    ],
)  # fmt: skip
def test_labels(table: Path, changes: list[tuple[str, str]], said: list[str]) -> None:
    before = inventory(take_stock(ADAPTER, table))
    edit(table, *changes)
    assert describe_changes(ADAPTER, before, take_stock(ADAPTER, table)) == said


def test_subjects_with_pseudonyms_are_not_named(table: Path) -> None:
    before = inventory(take_stock(ADAPTER, table))
    edit(table, ("s1,b", "s1,a"), ("5.png,s5,b\n", ""))
    said = describe_changes(ADAPTER, before, take_stock(ADAPTER, table), named=False)
    assert said == ["labels.csv: 1 subject relabelled, 1 removed", "1 file removed"]


def test_files(table: Path) -> None:
    stock = take_stock(ADAPTER, table)
    before = inventory(stock)

    def now(**states: Any) -> list[str]:
        files = {**stock.files, **{f"{name[1:]}.png": state for name, state in states.items()}}
        return describe_changes(ADAPTER, before, Stock(table, {k: v for k, v in files.items() if v is not None}))

    one = stock.files["0.png"]
    assert now(_0=replace(one, modified=1), _1=replace(one, size=9), _2=None) == [
        "2 files changed, 1 removed, such as 0.png"
    ]
    assert now(_3=replace(one, size=-1)) == ["1 file removed: 3.png"]
    assert now(_4=replace(stock.files["4.png"], readable=False)) == ["1 file no longer readable: 4.png"]


def test_where_subjects_are_inside_files_they_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("subject_id,label\np1,a\np2,b\n")
    adapter = open_adapter({"adapter": "dicom", "labels": {"file": str(labels)}})
    monkeypatch.setattr(type(adapter), "discover", lambda self, root: pytest.fail("opened the files"))
    (tmp_path / "series").mkdir()
    stock = take_stock(adapter, tmp_path / "series")
    labels.write_text("subject_id,label\np1,b\n")
    before = Inventory(stock.state, stock.files, {"p1": "a", "p2": "b"})
    said = describe_changes(adapter, before, take_stock(adapter, tmp_path / "series"))
    assert said == ["labels.csv: 1 subject relabelled (p1), 1 without a class now (p2)"]
