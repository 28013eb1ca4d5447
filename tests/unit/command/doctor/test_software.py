"""Python, packages, conda and the clock, with stand-ins."""

from importlib.metadata import PackageNotFoundError

import pytest

from sixgig.command.doctor import software
from sixgig.runtime.places import WORKFLOW

LOCKED = {"torch": "2.10.0", "numpy": "2.4.6", "idna": "3.1"}


def installed(versions):
    def version(name):
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    return version


@pytest.mark.parametrize(("found", "level"), [((3, 11, 7), "ok"), ((3, 12, 0), "error"), ((3, 10, 2), "error")])
def test_python(found, level):
    finding = software.check_python(found)
    assert finding.level == level
    assert (finding.next_step == "") == (level == "ok")


def test_the_lock_of_this_workflow_holds_what_it_imports():
    locked = software.locked_versions(WORKFLOW / "envs/main.txt")
    assert locked["torch"] == "2.10.0"
    assert "pywin32" not in locked  # for another system
    needed = software.named_packages(WORKFLOW / "envs/main.in")
    assert {"torch", "snakemake", "simpleitk", "scikit-learn"} <= needed
    assert needed <= {name.lower().replace("_", "-") for name in locked}


@pytest.mark.parametrize(
    ("there", "level", "said"),
    [
        (LOCKED, "ok", "all 3 as in the lock"),
        ({**LOCKED, "torch": "2.10.0+cu128"}, "ok", "all 3 as in the lock"),  # a build of the locked version
        ({**LOCKED, "torch": "2.11.0"}, "warning", "torch 2.11.0 in place of 2.10.0: results may differ"),
        ({"torch": "2.10.0", "numpy": "2.4.6"}, "warning", "in the lock and not installed: idna"),
        ({"torch": "2.10.0", "idna": "3.1"}, "error", "not installed: numpy"),
    ],
)
def test_packages_against_the_lock(there, level, said):
    (finding,) = software.check_packages(LOCKED, {"torch", "numpy"}, installed(there))
    assert (finding.level, said in finding.text) == (level, True)
    assert (finding.next_step == "") == (level == "ok")


def test_a_long_list_is_cut():
    (finding,) = software.check_packages({f"p{n}": "1" for n in range(9)}, {"p0"}, installed({}))
    assert finding.text == "not installed: p0"
    (finding,) = software.check_packages({f"p{n}": "1" for n in range(9)}, set(), installed({}))
    assert finding.text == "in the lock and not installed: p0, p1, p2, p3 and 5 more"


def test_the_build_of_torch_is_known_without_importing_it(tmp_path):
    import torch

    assert software.torch_cuda() == torch.version.cuda
    (tmp_path / "version.py").write_text("cuda: Optional[str] = None\nhip: Optional[str] = '6.1'\n")
    assert software.torch_cuda(tmp_path) is None
    (tmp_path / "version.py").write_text("debug = False\ncuda: Optional[str] = '13.0'\n")
    assert software.torch_cuda(tmp_path) == "13.0"
    assert software.torch_cuda(tmp_path / "nowhere") is None


def test_conda_is_not_needed():
    def which(name):
        return f"/opt/{name}"

    assert software.check_conda(which=lambda name: None) == software.Finding("conda", "ok", "not found, and not needed")
    assert "found; `--sdm conda`" in software.check_conda(which=which).text
    assert software.check_conda(True, lambda name: None).level == "error"
    assert software.check_conda(True, which).text == "found; `--sdm conda` uses it, as the study has to"


@pytest.mark.parametrize(
    ("now", "newest", "level", "said"),
    [
        (1.8e9, None, "ok", "2027-01-"),
        (1.8e9, 1.8e9 + 60, "ok", "2027-01-"),
        (1.8e9, 1.8e9 + 9000, "warning", "jobs may run again"),
        (0.0, None, "error", "it shows 1970-01-01"),
    ],
)
def test_clock(now, newest, level, said):
    finding = software.check_clock(newest, now)
    assert (finding.level, said in finding.text) == (level, True)


def test_the_newest_file_of_a_study(tmp_path):
    import os

    assert software.newest_file(tmp_path) is None
    (tmp_path / "a").mkdir()
    for name, time in (("x", 5), ("a/y", 9)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert software.newest_file(tmp_path) == 9
