"""The set-up script: skips what is ready, and says what to do when something fails."""

import ast
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("build", ROOT / "envs/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "lock.txt").write_text("lock")
    (tmp_path / ".tools").mkdir()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return module


def commands(build, monkeypatch, fails=()):
    called = []

    def run(command):
        text = " ".join(map(str, command))
        called.append(text)
        return not any(part in text for part in fails)

    monkeypatch.setattr(build, "run", run)
    return called


def test_environment_is_built_once(build, tmp_path, monkeypatch):
    called = commands(build, monkeypatch)
    (tmp_path / ".venv").mkdir()
    build.build(tmp_path / ".venv", "3.11", tmp_path / "lock.txt")
    assert any("pip sync --require-hashes" in text for text in called)
    assert any("venv --quiet --clear --python 3.11" in text for text in called)
    called.clear()
    build.build(tmp_path / ".venv", "3.11", tmp_path / "lock.txt")
    assert called == []
    (tmp_path / "lock.txt").write_text("other versions")
    build.build(tmp_path / ".venv", "3.11", tmp_path / "lock.txt")
    assert called


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        ("-m venv", "apt-get install python3-venv"),
        ("pip install", "check the network"),
        ("uv venv", "no Python 3.11 was found"),
        ("pip sync", "less than 9 GB of free disk"),
    ],
)
def test_failures_say_what_to_do_and_leave_nothing_ready(build, tmp_path, monkeypatch, fails, message):
    commands(build, monkeypatch, [fails])
    (tmp_path / ".venv").mkdir()
    with pytest.raises(SystemExit, match=message):
        build.build(tmp_path / ".venv", "3.11", tmp_path / "lock.txt")
    assert not (tmp_path / ".venv" / ".ready").exists()


def test_newest_interpreter_of_pyenv_is_taken_by_its_own_path(build, tmp_path):
    assert build.find_python("3.7") == "3.7"
    for version in ("3.7.9", "3.7.16", "3.11.7"):
        python = tmp_path / "pyenv" / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("")
    assert build.find_python("3.7") == str(tmp_path / "pyenv/versions/3.7.16/bin/python")


def test_setup_builds_both_environments_unless_told_otherwise():
    def planned(*arguments):
        command = ["make", "-n", "setup", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "envs/build.py .venv-tf1 3.7 envs/tensorflow1.txt" in planned()
    assert '[ "no" != no ]' in planned("TENSORFLOW1=no")


def test_script_runs_on_old_pythons():
    ast.parse((ROOT / "envs/build.py").read_text(), feature_version=(3, 7))


def test_makefile_and_documentation_agree():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = "\n".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)(?=[ `]|$)", pages, re.MULTILINE))
    assert {"test", "help", "mlflow", "snakemake-report"} <= named <= targets | {"test"}
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in targets:
        assert f"make {target} " in shown


def test_missing_python_is_said_clearly():
    result = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "no no-such-python. Next step: install Python 3" in result.stdout
