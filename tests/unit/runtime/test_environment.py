import json
import re
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

from sixgig.errors import ArmError, failure, without_folders
from sixgig.runtime.environment import describe_study

ROOT = Path(__file__).resolve().parents[3]


def locked_versions(lock="main.txt", python="3.11"):
    """Versions of a lock that apply to a Python on Linux."""
    versions = {}
    for line in (ROOT / "envs" / lock).read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            marker = requirement.marker or Marker("python_version > '0'")
            here = {"python_full_version": f"{python}.9", "python_version": python, "sys_platform": "linux"}
            if marker.evaluate(here):
                versions[requirement.name.lower()] = next(iter(requirement.specifier)).version
    return versions


def test_description_is_json_and_names_versions():
    described = json.loads(json.dumps(describe_study({"seed": 3, "study": "x"})))
    assert described["seed"] == 3
    assert described["versions"]["torch"].startswith("2.")
    assert described["machine"]["cores"] >= 1
    assert "name" in described["machine"]["gpu"]


def test_a_password_in_the_study_file_is_not_written_down():
    stanza = {"source": {"url": {"url": "https://ana:s3cr3t@host/a.zip"}}}
    described = describe_study({"seed": 3, "study": "x", "cohorts": {"a": stanza}})
    assert described["config"]["cohorts"]["a"]["source"]["url"]["url"] == "https://***@host/a.zip"


def test_conda_environment_agrees_with_the_lock():
    conda = yaml.safe_load((ROOT / "envs/main.yaml").read_text())
    pins = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    locked = locked_versions()
    named = dict(pin.split("==") for pin in pins)
    assert named == {name: locked[name.lower()] for name in named}
    wanted = (ROOT / "envs/main.in").read_text().split("# Tests")[0]
    names = {re.split(r"[=<>]", line)[0] for line in wanted.splitlines() if line and not line.startswith("#")}
    assert set(named) == names - {"pip"}


def test_conda_environment_of_tensorflow1_agrees_with_its_lock():
    conda = yaml.safe_load((ROOT / "envs/tensorflow1.yaml").read_text())
    pins = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    named = dict(pin.split("==") for pin in pins)
    locked = locked_versions("tensorflow1.txt", "3.7")
    assert named.pop("nvidia-tensorflow").split("+")[0] == locked["tensorflow"] == "1.15.5"
    assert named == {name: locked[name] for name in named}
    assert int(locked["protobuf"].split(".")[1]) < 21
    assert "python=3.8" in conda["dependencies"]  # the only one that NVIDIA built for


def test_torch_is_the_build_for_cuda_12():
    locked = locked_versions()
    assert (locked["torch"], locked["torchvision"]) == ("2.10.0", "0.25.0")
    assert any(name.startswith("nvidia-") and name.endswith("-cu12") for name in locked)
    assert not any(name.endswith("-cu13") for name in locked)


def test_locks_name_no_host():
    for lock in (ROOT / "envs").glob("*.txt"):
        assert "://" not in lock.read_text(), lock
        assert "index-url" not in lock.read_text(), lock


def test_no_absolute_path_of_the_machine_is_written_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    config = {
        "seed": 3,
        "cohorts": {"a": {"source": {"path": "/mnt/big/ACDC/"}}, "b": {"source": {"path": f"{tmp_path}/data/b"}}},
        "list": ["/home/anna/own/splits.csv", "data/c", 5],
    }
    written = describe_study(config)["config"]
    assert written["cohorts"] == {"a": {"source": {"path": ".../ACDC"}}, "b": {"source": {"path": "data/b"}}}
    assert written["list"] == ["~/own/splits.csv", "data/c", 5]
    assert config["cohorts"]["a"]["source"]["path"] == "/mnt/big/ACDC/"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/data/x/y.nii: cannot be read", ".../y.nii: cannot be read"),
        ("'/mnt/my data/x/y' is a folder", "'.../my data/x/y' is a folder"),
        ("(/opt/py/bin/python)", "(.../python)"),
        ("file:///data/q/r.txt", "file://.../r.txt"),
        ("see https://host/a/b/c, 5 images/s and/or a / b", "see https://host/a/b/c, 5 images/s and/or a / b"),
        ("a/b/c and ~/data/x", "a/b/c and ~/data/x"),
        ("/home/anna maria/data/x", "~/data/x"),
    ],
)
def test_folders_of_the_machine_are_left_out_of_statuses(monkeypatch, said, shown):
    monkeypatch.setenv("HOME", "/home/anna maria")
    assert without_folders(said) == shown
    assert failure(ArmError(said, "x", "y")) == f"failed: {shown}: x"
