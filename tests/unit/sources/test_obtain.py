import shutil
import zipfile
from pathlib import Path

import pytest

from sixgig.errors import CohortError
from sixgig.sources import obtain as sources
from sixgig.sources.obtain import obtain_cohort

PHANTOM = {"kind": "brats", "subjects": 5, "shape": [32, 32, 24], "spacing": 6.0, "frames": 12, "seed": 1}


def obtain(source, tmp_path):
    return obtain_cohort("mine", source, tmp_path / "raw", tmp_path / "downloads", workers=1)


def test_folder_of_the_user_is_only_looked_up(tmp_path):
    (tmp_path / "data").mkdir()
    assert obtain({"path": str(tmp_path / "data")}, tmp_path) == {"kind": "path", "root": str(tmp_path / "data")}
    with pytest.raises(CohortError, match=r"cohorts.mine.source.path: .*nowhere does not exist"):
        obtain({"path": str(tmp_path / "nowhere")}, tmp_path)


def test_wheel_is_fetched_with_its_pin(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "fetch_wheel", lambda *pin: asked.append(pin) or tmp_path / "x.whl")
    pin = {"package": "p", "version": "1", "sha256": "0" * 64}
    facts = obtain({"wheel": pin}, tmp_path)
    assert asked == [("p", "1", "0" * 64, tmp_path / "downloads")]
    assert facts == {"kind": "wheel", "root": str(tmp_path / "x.whl"), **pin}


def test_phantom_goes_to_a_folder_of_its_own_parameters(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(sources, "write_phantom", lambda kind, root, **values: written.append((kind, root, values)))
    first = obtain({"phantom": PHANTOM}, tmp_path)
    again = obtain({"phantom": PHANTOM}, tmp_path)
    other = obtain({"phantom": PHANTOM | {"seed": 2}}, tmp_path)
    assert first == again
    assert first["root"] != other["root"]
    assert written[0][2]["shape"] == (32, 32, 24)
    monkeypatch.setattr(sources.this_source(), "digest", lambda *modules: "changed")
    assert obtain({"phantom": PHANTOM}, tmp_path)["root"] != first["root"]


def test_results_inside_the_data_are_refused(tmp_path):
    with pytest.raises(CohortError, match="holds the folder of the results"):
        obtain({"path": str(tmp_path)}, tmp_path)


def test_registration_is_explained(tmp_path):
    with pytest.raises(CohortError, match=r"acdc is given to registered users only\n  Next step: register at .*folder"):
        obtain({"recipe": {"name": "acdc"}}, tmp_path)
    (tmp_path / "acdc").mkdir()
    found = obtain({"recipe": {"name": "acdc", "folder": str(tmp_path / "acdc")}}, tmp_path)
    assert found["root"] == str(tmp_path / "acdc")


def test_an_archive_is_fetched_and_unpacked(tmp_path, monkeypatch):
    archive = tmp_path / "served.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("a/b.png", b"1")

    def fetch(url, target, checksum, room):
        assert room == 3.5
        target.parent.mkdir(parents=True)
        return Path(shutil.copy(archive, target))

    monkeypatch.setattr(sources, "fetch", fetch)
    found = obtain({"url": {"url": "http://x.org/data%20set.zip?v=1", "md5": "0" * 32}}, tmp_path)
    assert (Path(found["root"]) / "a/b.png").read_bytes() == b"1"
    assert (tmp_path / "downloads/md5-000000000000/data set.zip").exists()
    assert (found["kind"], found["md5"], found["bytes"]) == ("url", "0" * 32, archive.stat().st_size)
