import os

import pytest

from sixgig.errors import ConfigError, EnvironmentMissingError
from sixgig.runtime import interpreters
from sixgig.runtime.interpreters import find_interpreter


@pytest.fixture
def venv(tmp_path, monkeypatch):
    folder = tmp_path / ".venv-tf1"
    monkeypatch.setattr(interpreters, "VENVS", tmp_path)
    return folder


def test_auto_is_the_venv_or_conda(venv):
    venv.mkdir()
    (venv / ".ready").write_text("a" * 64)
    found = find_interpreter("tensorflow1", "auto", conda=False)
    assert found.python == str(venv / "bin" / "python")
    assert str(venv) not in found.state  # another folder gives the same results
    found.require()
    assert find_interpreter("tensorflow1", "auto", conda=True).python == "python"


def test_state_follows_the_lock(venv):
    venv.mkdir()
    (venv / ".ready").write_text("a" * 64)
    before = find_interpreter("tensorflow1", "auto", conda=False).state
    (venv / ".ready").write_text("b" * 64)
    assert find_interpreter("tensorflow1", "auto", conda=False).state != before


def test_missing_environment_says_how_to_build_it(venv):
    found = find_interpreter("tensorflow1", "auto", conda=False)
    assert found.missing
    with pytest.raises(EnvironmentMissingError, match=r"missing\n  Next step: run `make setup`.*on_missing_env"):
        found.require()


def test_a_path_is_taken_as_it_is(tmp_path):
    python = tmp_path / "python"
    assert find_interpreter("tensorflow1", str(python), conda=False).missing
    python.write_text("")
    assert find_interpreter("tensorflow1", str(python), conda=True).python == str(python)


def test_a_package_that_is_installed_changes_the_state(tmp_path):
    python, packages = tmp_path / "bin" / "python", tmp_path / "lib" / "python3.7" / "site-packages"
    for folder in (python.parent, packages):
        folder.mkdir(parents=True)
    python.write_text("")
    before = find_interpreter("tensorflow1", str(python), conda=False).state
    assert find_interpreter("tensorflow1", str(python), conda=False).state == before
    os.utime(packages, ns=(1, 1))  # what `pip install` does to its folder
    assert find_interpreter("tensorflow1", str(python), conda=False).state != before


def test_conda_needs_conda():
    with pytest.raises(ConfigError, match="add --sdm conda"):
        find_interpreter("tensorflow1", "conda", conda=False)
    assert find_interpreter("tensorflow1", "conda", conda=True).state == "conda"
