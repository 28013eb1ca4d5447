"""Names of files and folders that a shell, a format or a path would take for something else are names and no more."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.preparation import prepare_cohort
from sixgig.errors import CohortError
from sixgig.sources.archives import unpack
from sixgig.tables.cohorts import MANIFEST, QUARANTINE

NAMES = [
    "with spaces  in it.png", "it's.png", '"quoted".png', "$(touch pwned).png", "`touch pwned`.png",
    "; touch pwned ;.png", "| touch pwned.png", "> pwned.png", "new\nline.png", "-rf.png", "--help.png", "...png",
    "%s%n.png", "{0.__class__}.png", "{wildcards.cohort}.png", "=cmd|'calc'!A0.png", "a,b.png", "<b>bold<.png",
    "~.png", "*.png", "tab\there.png",
]  # fmt: skip


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 200, (9, 12), dtype=np.uint8)).save(path, "PNG")


def prepare(adapter: str, root: Path, output: Path) -> None:
    arguments = {"image_size": 16, "options": {}, "seed": 1, "max_quarantine_fraction": 0.5}
    prepare_cohort(adapter, root, output, checkpoints=output.parent / "checkpoints", digest="x", **arguments)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, in which a command that a name smuggled in would leave its file."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_a_folder_of_pictures_with_such_names(workplace: Path) -> None:
    root = workplace / "root"
    for number, name in enumerate(NAMES):
        picture(root / ("$(touch pwned)" if number % 2 else "-a class") / name, number)
    before = everything(root)
    prepare("image_folder", root, workplace / "study" / "c")
    manifest = MANIFEST.read(workplace / "study" / "c" / "manifest.csv")
    quarantine = QUARANTINE.read(workplace / "study" / "c" / "quarantine.csv")
    found = {Path(source).name for source in manifest["source"]} | {Path(file).name for file in quarantine["file"]}
    assert found == set(NAMES) - {"...png"}  # hidden, as every name that begins with a dot
    assert len(manifest) + len(quarantine) == len(NAMES) - 1
    assert set(manifest["label"]) == {"$(touch pwned)", "-a class"}
    assert everything(root) == before
    assert everything(workplace / "here") == set()
    assert not [name for name in everything(workplace / "study") if "pwned" in name]


def test_a_table_with_such_names(workplace: Path) -> None:
    root = workplace / "root"
    lines = ["path,subject_id,label"]
    for number, name in enumerate(NAMES):
        picture(root / "pictures" / name, number)
        quoted = name.replace('"', '""')
        lines.append(f'"pictures/{quoted}","{quoted}",{"ab"[number % 2]}')
    (root / "cohort.csv").write_text("\n".join(lines) + "\n")
    prepare("table", root, workplace / "study" / "c")
    manifest = MANIFEST.read(workplace / "study" / "c" / "manifest.csv")
    assert len(manifest) == len(NAMES)
    assert {Path(source).name for source in manifest["source"]} == set(NAMES)
    assert everything(workplace / "here") == set()
    assert not [name for name in everything(workplace / "study") if "pwned" in name]


def test_a_table_that_leads_out_of_its_folder_writes_nothing_there(workplace: Path) -> None:
    root = workplace / "root"
    for number in range(4):
        picture(workplace / "elsewhere" / f"{number}.png", number)
    rows = [f"../elsewhere/{number}.png,../../p{number},{'ab'[number % 2]}" for number in range(4)]
    root.mkdir()
    (root / "cohort.csv").write_text("\n".join(["path,subject_id,label", *rows]) + "\n")
    prepare("table", root, workplace / "study" / "c")
    assert set(MANIFEST.read(workplace / "study" / "c" / "manifest.csv")["subject_id"]) == {
        f"../../p{number}" for number in range(4)
    }
    assert everything(workplace / "elsewhere") == {f"{number}.png" for number in range(4)}
    assert sorted(path.name for path in workplace.iterdir()) == ["elsewhere", "here", "root", "study"]


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "a/..", "..", "\\..\\evil.png"])
@pytest.mark.parametrize("packed", ["tar", "zip"])
def test_an_archive_cannot_write_elsewhere(workplace: Path, name: str, packed: str) -> None:
    path = workplace / f"x.{packed}"
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"evil")
    else:
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
    before = everything(workplace)
    if packed == "tar" and "\\" in name:  # a letter like any other there
        unpack(path, workplace / "deep" / "out")
        assert (workplace / "deep" / "out" / name).is_file()
        return
    with pytest.raises(CohortError, match="leads out of the folder"):
        unpack(path, workplace / "deep" / "out")
    assert everything(workplace) - before == {"deep", "deep/.out.lock"}


@pytest.mark.parametrize("target", ["..", "/etc", "a"])
def test_an_archive_cannot_write_through_a_link_of_its_own(workplace: Path, target: str) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, target
    with tarfile.open(workplace / "x.tar", "w") as tar:
        tar.addfile(link)
        info = tarfile.TarInfo("link/evil")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(CohortError, match="is a link or a device"):
        unpack(workplace / "x.tar", workplace / "deep" / "out")
    assert not list(workplace.rglob("evil"))


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_with_such_names_comes_out_whole(workplace: Path, name: str) -> None:
    with zipfile.ZipFile(workplace / "x.zip", "w") as archive:
        archive.writestr(f"$(touch pwned)/{name}", b"1")
    unpack(workplace / "x.zip", workplace / "deep" / "out")
    assert (workplace / "deep" / "out" / "$(touch pwned)" / name).read_bytes() == b"1"
    assert everything(workplace / "here") == set()
