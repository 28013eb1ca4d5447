"""The state of a cohort's files, as the rule that prepares it carries it."""

import os
import shutil
from pathlib import Path

import pytest

from sixgig.cohorts.inventory import Inventory
from sixgig.phantoms.cohort import RECORD
from sixgig.plan.inputs import AS_OBTAINED, CohortInput
from sixgig.runtime.atomic import write_json
from sixgig.runtime.known_digests import KnownDigests, content_digest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with pictures, once as the user's own and once as sixgig's."""
    monkeypatch.chdir(tmp_path)
    for root in ("data", "results/s/raw/c"):
        for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png"):
            (tmp_path / root / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / root / name).write_bytes(name.encode())
    return tmp_path


def own(**more: object) -> CohortInput:
    return look({"path": "data"}, more)


def obtained(**more: object) -> CohortInput:
    return look({"phantom": {}}, more)


def look(source: dict[str, object], more: dict[str, object]) -> CohortInput:
    folder = Path("results/s/cohorts/c")
    return CohortInput("c", {"adapter": "image_folder", "source": source, **more}, folder, folder / "inventory.json")


def test_files_of_the_user(here: Path) -> None:
    before = own().state
    assert own().state == before
    os.utime("data/a/1.png", (1, 1))
    assert own().state != before


def test_what_was_obtained_is_compared_by_content(here: Path) -> None:
    assert obtained().state == AS_OBTAINED  # nothing is there yet
    root = Path("results/s/raw/c")
    write_json("results/s/cohorts/c/source.json", {"root": str(root), "content": content_digest(root)})
    assert obtained().state == AS_OBTAINED
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        os.utime(path, (number, number))  # a copy without its times
    assert obtained().state == AS_OBTAINED
    (root / "a/1.png").write_bytes(b"A/1.png")
    changed = obtained().state
    assert changed != AS_OBTAINED
    assert obtained().state == changed
    shutil.rmtree(root)  # to save room, after the preparation
    assert obtained().state == AS_OBTAINED


def test_a_digest_is_computed_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path("results/s/raw/c")
    first = content_digest(root)
    monkeypatch.setattr("sixgig.runtime.known_digests.file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert content_digest(root) == first
    (root / "a/1.png").unlink()
    assert content_digest(root) != first


def test_what_is_gone_is_forgotten(here: Path) -> None:
    known = KnownDigests()
    for name in ("data/a/1.png", "data/a/2.png"):
        known.sha256(name)
    Path("data/a/1.png").unlink()
    known.save()
    assert "data/a/2.png" in Path("results/.sha256.json").read_text()
    assert "data/a/1.png" not in Path("results/.sha256.json").read_text()


def test_a_plan_writes_nothing_where_nothing_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vit.safetensors").write_bytes(b"weights")
    known = KnownDigests()
    known.sha256("vit.safetensors")
    known.save()
    assert [path.name for path in tmp_path.iterdir()] == ["vit.safetensors"]


def test_labels_beside_what_was_obtained(here: Path) -> None:
    root = Path("results/s/raw/c")
    write_json("results/s/cohorts/c/source.json", {"root": str(root), "content": content_digest(root)})
    Path("labels.csv").write_text("subject_id,label\ns1,a\n")

    def state() -> str:
        folder = Path("results/s/cohorts/c")
        stanza = {"adapter": "brats", "source": {"phantom": {}}, "labels": {"file": "labels.csv"}, "modalities": ["t1"]}
        return CohortInput("c", stanza, folder, folder / "inventory.json").state

    before = state()
    os.utime("labels.csv", (1, 1))
    assert state() == before
    Path("labels.csv").write_text("subject_id,label\ns1,b\n")
    assert state() != before


def test_attempts_are_counted_while_the_files_stay(here: Path) -> None:
    stock = own().stock
    assert stock is not None
    file = Path("results/s/cohorts/c/inventory.json")
    file.parent.mkdir(parents=True)

    def attempt(**values: object) -> int:
        Inventory(stock.state, stock.files, {}, **values).write(file)  # type: ignore[arg-type]
        return own().attempt

    assert attempt() == 0
    assert attempt(again=("a/1.png",)) == 1
    assert attempt(again=("a/9.png",)) == 0  # cannot be opened yet
    assert attempt(attempt=1) == 1
    os.utime("data/a/1.png", (1, 1))
    assert own().attempt == 0


def test_images_that_sixgig_made_are_simulated_by_phantom_and_by_path(here: Path) -> None:
    assert [own().simulated, obtained().simulated] == [False, True]
    write_json(here / "data" / RECORD, {"kind": "acdc"})
    assert own().simulated
