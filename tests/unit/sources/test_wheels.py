import logging
import sys
import zipfile

import pytest

from sixgig.errors import ConfigError
from sixgig.runtime.digests import file_sha256
from sixgig.sources import wheels
from sixgig.sources.wheels import fetch_wheel, member_names, read_member

FILE = "tiny_weights-1.2.0-py3-none-any.whl"


def make_wheel(folder, filename=FILE, content=b"\x00weights\xff"):
    """Write a wheel that pip accepts."""
    name, version = filename.split("-")[:2]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / filename
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/model.bin", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def fake_pip(folder, body):
    """Return a command that stands in for pip; ``calls`` counts how often it ran, ``dest`` is where wheels go."""
    script = folder / "fake_pip.py"
    script.write_text(
        "import pathlib, shutil, sys\n"
        f"log = pathlib.Path({str(folder / 'calls')!r})\n"
        "calls = len(log.read_text()) + 1 if log.exists() else 1\n"
        "log.write_text('x' * calls)\n"
        "dest = pathlib.Path(sys.argv[sys.argv.index('--dest') + 1])\n" + body
    )
    return [sys.executable, str(script)]


def calls(folder):
    path = folder / "calls"
    return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder of wheels as pip's only registry; returns the wheel in it."""
    wheel = make_wheel(tmp_path / "registry")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


@pytest.fixture
def no_waiting(monkeypatch):
    waited = []
    monkeypatch.setattr(wheels.time, "sleep", waited.append)
    return waited


def test_fetches_through_pip_whatever_the_spelling(registry, tmp_path):
    folder = tmp_path / "downloads"
    path = fetch_wheel("Tiny.Weights", "1.2.0", file_sha256(registry).upper(), folder)
    assert path == folder / FILE
    assert path.read_bytes() == registry.read_bytes()
    assert [entry.name for entry in folder.iterdir()] == [FILE]


def test_reuses_a_right_file_without_pip(tmp_path):
    wheel = make_wheel(tmp_path / "downloads")
    pip = fake_pip(tmp_path, "sys.exit(1)")
    assert fetch_wheel("tiny-weights", "1.2.0", file_sha256(wheel), wheel.parent, pip=pip) == wheel
    assert calls(tmp_path) == 0


def test_fetches_again_when_the_kept_file_is_wrong(registry, tmp_path, caplog):
    kept = make_wheel(tmp_path / "downloads", content=b"damaged")
    wrong, right = file_sha256(kept), file_sha256(registry)
    with caplog.at_level(logging.WARNING):
        path = fetch_wheel("tiny-weights", "1.2.0", right, kept.parent)
    assert path == kept
    assert file_sha256(path) == right
    assert wrong in caplog.text
    assert right in caplog.text
    assert "fetching it again" in caplog.text


def test_another_sha256_on_the_registry_shows_both(registry, tmp_path):
    folder, wanted = tmp_path / "downloads", "0" * 64
    with pytest.raises(ConfigError, match="pins 0000") as caught:
        fetch_wheel("tiny-weights", "1.2.0", wanted, folder)
    assert file_sha256(registry) in str(caught.value)
    assert wanted in str(caught.value)
    assert "write its sha256 into the study file" in caught.value.next_step
    assert list(folder.iterdir()) == []


def test_a_pip_that_checks_nothing_is_not_trusted(tmp_path):
    wheel, folder = make_wheel(tmp_path / "registry"), tmp_path / "downloads"
    pip = fake_pip(tmp_path, f"shutil.copy({str(wheel)!r}, dest)")
    with pytest.raises(ConfigError, match=file_sha256(wheel)):
        fetch_wheel("tiny-weights", "1.2.0", "1" * 64, folder, pip=pip)
    assert list(folder.iterdir()) == []


def test_unknown_version_lists_those_on_the_registry(registry, tmp_path):
    with pytest.raises(ConfigError, match=r"no such wheel \(versions it offers: 1\.2\.0\)"):
        fetch_wheel("tiny-weights", "9.9", "0" * 64, tmp_path / "downloads")


def test_network_trouble_is_tried_again(tmp_path, no_waiting):
    wheel = make_wheel(tmp_path / "registry")
    body = (
        "if calls < 3:\n    sys.exit('WARNING: Retrying after connection broken by NewConnectionError')\n"
        f"shutil.copy({str(wheel)!r}, dest)\n"
    )
    path = fetch_wheel("tiny-weights", "1.2.0", file_sha256(wheel), tmp_path / "d", pip=fake_pip(tmp_path, body))
    assert path.name == FILE
    assert calls(tmp_path) == 3
    assert no_waiting == list(wheels.RETRY_DELAYS)


def test_no_network_says_how_to_go_on(tmp_path, monkeypatch, no_waiting):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nothing listens there
    monkeypatch.setattr(wheels, "RETRY_DELAYS", ())
    folder = tmp_path / "downloads"
    with pytest.raises(ConfigError, match="registry cannot be reached") as caught:
        fetch_wheel("tiny-weights", "1.2.0", "0" * 64, folder)
    assert "connect to the network" in caught.value.next_step
    assert f"put it into {folder}" in caught.value.next_step


def test_other_trouble_is_not_tried_again(tmp_path, no_waiting):
    pip = fake_pip(tmp_path, "sys.exit('ERROR: no space left on device')")
    with pytest.raises(ConfigError, match="pip failed: ERROR: no space left"):
        fetch_wheel("tiny-weights", "1.2.0", "0" * 64, tmp_path / "downloads", pip=pip)
    assert calls(tmp_path) == 1
    assert no_waiting == []


@pytest.mark.parametrize(
    ("package", "version", "sha256", "message"),
    [
        ("tiny", "1.0", "abc", "not 64 hexadecimal digits"),
        ("tiny --pre", "1.0", "0" * 64, "not a package name and a version"),
        ("tiny", "1.0\nother==2", "0" * 64, "not a package name and a version"),
    ],
)
def test_malformed_pins(tmp_path, package, version, sha256, message):
    with pytest.raises(ConfigError, match=message):
        fetch_wheel(package, version, sha256, tmp_path, pip=fake_pip(tmp_path, ""))
    assert calls(tmp_path) == 0


def test_a_pip_that_does_not_start(tmp_path):
    with pytest.raises(ConfigError, match="pip does not start"):
        fetch_wheel("tiny", "1.0", "0" * 64, tmp_path / "d", pip=[str(tmp_path / "none")])


def test_reads_members(tmp_path):
    wheel = make_wheel(tmp_path)
    assert member_names(wheel)[0] == "tiny_weights/model.bin"
    assert read_member(wheel, "tiny_weights/model.bin") == b"\x00weights\xff"


def test_missing_member_names_a_near_one(tmp_path):
    wheel = make_wheel(tmp_path)
    with pytest.raises(ConfigError, match=r"holds no file 'tiny_weights/modell\.bin'") as caught:
        read_member(wheel, "tiny_weights/modell.bin")
    assert "tiny_weights/model.bin" in caught.value.next_step


@pytest.mark.parametrize("content", [None, b"not a zip archive"])
def test_unreadable_wheel(tmp_path, content):
    path = tmp_path / "broken.whl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a readable wheel"):
        read_member(path, "model.bin")


def test_damaged_member(tmp_path):
    wheel = make_wheel(tmp_path)
    data = bytearray(wheel.read_bytes())
    data[data.index(b"\x00weights\xff")] ^= 1
    wheel.write_bytes(bytes(data))
    with pytest.raises(ConfigError, match="cannot be read: Bad CRC"):
        read_member(wheel, "tiny_weights/model.bin")
