"""What counts as a change of a cohort's files, and what does not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sixgig.cohorts.inventory import Inventory, discover, read_inventory, take_stock
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import CohortError
from sixgig.runtime import file_states

FOLDER = open_adapter({"adapter": "image_folder"})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for label in ("a", "b"):
        for number in range(3):
            file = tmp_path / "data" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"picture %d" % number)
    (tmp_path / "data" / "notes.csv").write_text("one,two\n")
    return tmp_path / "data"


def replace(root: Path) -> None:
    status = (root / "a/1.png").stat()
    (root / "a/1.png").write_bytes(b"picturE 1")  # as long as before
    os.utime(root / "a/1.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        replace,
        lambda root: (root / "a/1.png").unlink(),
        lambda root: (root / "b/9.png").write_bytes(b"new"),
        lambda root: (root / "a/1.png").rename(root / "b/7.png"),
        lambda root: (root / "notes.csv").write_text("one,tw0\n"),
    ],
)
def test_another_state(pictures: Path, change: Callable[[Path], None]) -> None:
    before = take_stock(FOLDER, pictures)
    change(pictures)
    assert take_stock(FOLDER, pictures).state != before.state


def test_what_is_no_change(pictures: Path) -> None:
    before = take_stock(FOLDER, pictures)
    assert len(before.files) == 7
    os.utime(pictures / "notes.csv", (1, 1))
    (pictures / "a/.DS_Store").write_bytes(b"")
    (pictures / "Thumbs.db").write_bytes(b"")
    (pictures / "a").touch()
    assert take_stock(FOLDER, pictures).state == before.state


def test_a_table_is_read_again_only_when_size_or_time_changed(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_stock(FOLDER, pictures)
    monkeypatch.setattr(file_states, "file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert take_stock(FOLDER, pictures, before.files).state == before.state


def test_a_file_becomes_readable(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `chmod` changes is neither size nor time."""
    before = take_stock(FOLDER, pictures)
    monkeypatch.setattr(file_states, "_readable", lambda path, status: not str(path).endswith("a/1.png"))
    locked = take_stock(FOLDER, pictures)
    assert not locked.files["a/1.png"].readable
    assert locked.state != before.state


def test_a_link_that_leads_back_ends(pictures: Path) -> None:
    (pictures / "a" / "again").symlink_to(pictures, target_is_directory=True)
    assert len(take_stock(FOLDER, pictures).files) == 7


def test_labels_outside_the_folder_count(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("subject_id,label\nBraTS20_Training_001,x\n")
    adapter = open_adapter({"adapter": "brats", "modalities": ["t1"], "labels": {"file": str(labels)}})
    root = make_brats(["HGG"])
    before = take_stock(adapter, root)
    assert before.files[str(labels)].content
    labels.write_text("subject_id,label\nBraTS20_Training_001,y\n")
    assert take_stock(adapter, root).state != before.state


def test_a_table_names_its_files_wherever_they_are(pictures: Path, tmp_path: Path) -> None:
    """What else lies beside the CSV is no part of the cohort."""
    table = tmp_path / "list.csv"
    (tmp_path / "thesis.docx").write_bytes(b"")
    other = tmp_path / "elsewhere.png"
    other.write_bytes(b"a picture")
    table.write_text(f"path,subject_id,label\ndata/a/0.png,s1,a\n{other},s2,b\ndata/b/77.png,s3,b\n")
    stock = take_stock(open_adapter({"adapter": "table"}), table)
    assert set(stock.files) == {"list.csv", "data/a/0.png", "elsewhere.png", "data/b/77.png"}
    (pictures / "b/77.png").write_bytes(b"it came")
    assert take_stock(open_adapter({"adapter": "table"}), table).state != stock.state


def test_paths_of_a_table_as_they_are_on_the_disk(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,subject_id,label\ndata\\a\\0.png,s1,a\ndata/b/0.png,s2,b\n")
    stock = take_stock(open_adapter({"adapter": "table"}), tmp_path / "list.csv")
    assert {name: file.size for name, file in stock.files.items() if name != "list.csv"} == {
        "data/a/0.png": 9, "data/b/0.png": 9,
    }  # fmt: skip


def test_a_cohort_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="gone: is not there\n  Next step: connect the drive"):
        take_stock(FOLDER, tmp_path / "gone")


def test_discovery_looks_once(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = take_stock(FOLDER, pictures)
    found = discover(FOLDER, stock)
    assert [record.label for record in found.records] == list("aaabbb")
    monkeypatch.setattr(type(FOLDER), "discover", lambda self, root: pytest.fail("looked twice"))
    assert discover(FOLDER, take_stock(FOLDER, pictures)) is found


def test_an_inventory_is_kept(pictures: Path, tmp_path: Path) -> None:
    stock = take_stock(FOLDER, pictures)
    kept = Inventory(stock.state, stock.files, {"a__0.png": "a", "b__0.png": None}, ("a/1.png",), 2)
    kept.write(tmp_path / "inventory.json")
    assert read_inventory(tmp_path / "inventory.json") == kept
    (tmp_path / "inventory.json").write_text("[1]")
    assert read_inventory(tmp_path / "inventory.json") is None
    assert read_inventory(tmp_path / "none.json") is None
