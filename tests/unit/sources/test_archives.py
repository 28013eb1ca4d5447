"""Archives that are not to be trusted: nothing lands outside, nothing grows without end, nothing is half there."""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.errors import CohortError
from sixgig.sources import archives
from sixgig.sources.archives import Limits, is_archive, unpack


def make_tar(path, members, mode="w:gz"):
    """Members: name -> bytes, or a TarInfo that says what it is."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


GOOD = {"cohort/a.nii.gz": b"one", "cohort/sub/b.txt": b"two", "çohört/ünï.txt": b"three"}


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2", "x.tar.xz"])
def test_every_kind_comes_out_whole(tmp_path, name):
    assert is_archive(tmp_path / name)
    suffix = name.rpartition(".")[2].replace("tgz", "gz").replace("tar", "")
    path = make_zip(tmp_path / name, GOOD) if suffix == "zip" else make_tar(tmp_path / name, GOOD, f"w:{suffix}")
    target = unpack(path, tmp_path / "out")
    assert {name: (target / name).read_bytes() for name in GOOD} == GOOD
    path.write_bytes(b"gone")
    assert unpack(path, target) == target  # done once


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:/evil"])
@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_no_way_out(tmp_path, make, name):
    path = make(tmp_path / ("x.zip" if make is make_zip else "x.tar.gz"), {"good": b"1", name: b"evil"})
    with pytest.raises(CohortError, match="leads out of the folder"):
        unpack(path, tmp_path / "deep" / "out")
    assert [found.name for found in (tmp_path / "deep").iterdir()] == [".out.lock"]
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_no_links_and_devices_in_a_tar(tmp_path, kind):
    path = make_tar(tmp_path / "x.tar.gz", {"link": special("link", kind, "/etc/passwd")})
    with pytest.raises(CohortError, match="x.tar.gz:link: is a link or a device"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_links_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CohortError, match="is a link or a device"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_bombs_do_not_go_off(tmp_path, make, monkeypatch):
    path = make(tmp_path / ("x.zip" if make is make_zip else "x.tar.gz"), {"zeros": bytes(3_000_000)})
    monkeypatch.setattr(Limits, "bytes_for", lambda self, archive: int(self.ratio * archive.stat().st_size))
    with pytest.raises(CohortError, match="would become 3 MiB or more"):
        unpack(path, tmp_path / "out", Limits(ratio=50))
    assert unpack(path, tmp_path / "out", Limits(ratio=5000)).exists()


def folders(number, pattern="d{}"):
    return {pattern.format(i): special(pattern.format(i), tarfile.DIRTYPE) for i in range(number)}


def zip_folders(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(f"{name}/"), b"")
    return path


@pytest.mark.parametrize("kind", ["files", "folders", "folders on the way", "one folder again and again"])
@pytest.mark.parametrize("packed", ["tar", "zip"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_every_kind_count(tmp_path, kind, packed):
    names = {
        "files": [str(number) for number in range(6)],
        "folders": [f"d{number}" for number in range(6)],
        "folders on the way": ["a/b/c/d/e/f"],
        "one folder again and again": ["d"] * 6,
    }[kind]
    is_folder = kind in ("folders", "one folder again and again")
    path = tmp_path / f"x.{packed}"
    if packed == "zip":
        zip_folders(path, names) if is_folder else make_zip(path, dict.fromkeys(names, b""))
    else:
        with tarfile.open(path, "w") as archive:
            for name in names:
                archive.addfile(special(name, tarfile.DIRTYPE if is_folder else tarfile.REGTYPE))
    with pytest.raises(CohortError, match="holds more than 5 files and folders"):
        unpack(path, tmp_path / "out", Limits(members=5))
    assert not (tmp_path / "out").exists()
    assert unpack(path, tmp_path / "out", Limits(members=6)).exists()


def test_reading_stops_at_the_first_member_too_many(tmp_path):
    path = make_tar(tmp_path / "x.tar", folders(6) | {"../evil": b"never looked at"}, "w:")
    with pytest.raises(CohortError, match="holds more than 5 files and folders"):
        unpack(path, tmp_path / "out", Limits(members=5))


def test_empty_folders_are_not_made(tmp_path):
    path = make_tar(tmp_path / "x.tar", {**folders(3), "d0/file": b"1"}, "w:")
    assert sorted(found.name for found in unpack(path, tmp_path / "a").iterdir()) == [".unpacked", "d0"]
    target = unpack(zip_folders(tmp_path / "x.zip", ["d0", "d1"]), tmp_path / "b")
    assert [found.name for found in target.iterdir()] == [".unpacked"]


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_folders_without_end(tmp_path, make):
    path = make(tmp_path / ("x.zip" if make is make_zip else "x.tar"), {"a/" * 65 + "file": b""})
    with pytest.raises(CohortError, match="holds a file in more than 64 folders"):
        unpack(path, tmp_path / "out")


def test_a_long_header_is_not_read_into_memory(tmp_path):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a/" * 40 + "x" * 2_000_000))
    with pytest.raises(CohortError, match="is damaged or no archive: a header of 2,000,081 bytes"):
        unpack(path, tmp_path / "out")


def test_names_that_differ_in_case_alone(tmp_path):
    path = make_tar(tmp_path / "x.tar.gz", {"A.txt": b"1", "a.TXT": b"2"})
    with pytest.raises(CohortError, match="differs from A.txt only in case"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_damage_leaves_nothing(tmp_path, name):
    path = make_zip(tmp_path / name, {"a": b"x" * 5000}) if name == "x.zip" else make_tar(tmp_path / name, GOOD)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\0\0\0\0"
    path.write_bytes(data if name == "x.zip" else data[:60])
    with pytest.raises(CohortError, match="is damaged or no archive"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_processes_unpack_once(tmp_path):
    path = make_tar(tmp_path / "x.tar", {str(number): bytes(50_000) for number in range(200)}, "w:")
    code = (
        "import sys; from pathlib import Path; from sixgig.sources.archives import unpack\n"
        "unpack(*map(Path, sys.argv[1:]))"
    )
    (tmp_path / ".out-killed").mkdir()
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "out")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(list((tmp_path / "out").iterdir())) == 201
    assert not (tmp_path / ".out-killed").exists()


def test_a_password(tmp_path):
    path = make_zip(tmp_path / "x.zip", {"a": b"secret"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag of the file's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and that of the directory
    path.write_bytes(data)
    with pytest.raises(CohortError, match="x.zip:a: is encrypted"):
        unpack(path, tmp_path / "out")


def test_a_full_disk(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_write", full)
    with pytest.raises(CohortError, match="cannot be unpacked: No space left on device"):
        unpack(make_zip(tmp_path / "x.zip", GOOD), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", ["zip", "gz", "xz", "bz2"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), kept=st.floats(0.2, 1))
def test_no_damage_is_a_raw_exception(tmp_path, make, place, byte, kept):
    """One byte is another, and the end may be missing: the archive is unpacked, or its name is in the message."""
    sound = tmp_path / f"sound.{make}"
    if not sound.exists():
        make_zip(sound, GOOD) if make == "zip" else make_tar(sound, GOOD, f"w:{make}")
    data = bytearray(sound.read_bytes())
    data[int(place * len(data))] = byte
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data[: int(kept * len(data))])
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    message = ""
    try:
        unpack(damaged, tmp_path / "out")
    except CohortError as error:
        message = str(error)
    assert (tmp_path / "out").exists() != ("damaged.zip" in message)


def test_an_unknown_compression_is_named(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"text"})
    data = path.read_bytes()
    deflated, unknown = (8).to_bytes(2, "little"), (99).to_bytes(2, "little")
    data = data[:8] + unknown + data[10:]
    place = data.index(b"PK\x01\x02") + 10
    assert data[place : place + 2] == deflated
    path.write_bytes(data[:place] + unknown + data[place + 2 :])
    with pytest.raises(CohortError, match="compression"):
        unpack(path, tmp_path / "out")
