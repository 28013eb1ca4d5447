"""Paths that lead nowhere: why, and what to write."""

import re

import pytest

from sixgig.plan.paths import named_paths, path_problem
from sixgig.plan.schema import load_schema
from sixgig.runtime.paths import user_path


@pytest.fixture
def here(tmp_path, monkeypatch):
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    (tmp_path / "studies/pictures").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", "data")
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path


@pytest.mark.parametrize("text", ["data", "./data", "$DATA", "${DATA}", "~/work/data", "~/work/$DATA"])
def test_a_path_that_is_there(here, text):
    assert path_problem(text) is None
    assert user_path(text).resolve() == here / "work/data"


@pytest.mark.parametrize(
    ("text", "reason", "step"),
    [
        (
            "nothing",
            r"nothing does not exist in .*/work, the folder that results go to and relative paths start",
            "correct the",
        ),
        (
            "pictures",
            r"pictures does not exist in",
            r"^write \.\./studies/pictures, which is there beside the study file",
        ),
        ("Data", r"Data does not exist in", "^write data, if that is meant"),
        ("datas/x", r"datas/x does not exist in", "^write data, if that is meant"),
        ("a\\b", r"does not exist", "^separate folders with /"),
        ("data ", r"does not exist", "^remove the spaces"),
        ("$NOWHERE/x", r"\$NOWHERE/x uses the environment variable NOWHERE, which is not set", "set NOWHERE"),
        ("${NOWHERE}", "variable NOWHERE, which is not set", "write the path out"),
        ("~nobody_here/x", "there is no such user", "write the path out"),
        ("/nothing/at/all", "^/nothing/at/all does not exist$", "correct the path, or put the files there"),
    ],
)
def test_a_path_that_leads_nowhere(here, text, reason, step):
    found = path_problem(text, here / "studies")
    assert found is not None
    assert re.search(reason, found[0])
    assert re.search(step, found[1])


def test_the_schema_says_which_keys_are_paths():
    schema = load_schema()
    study = {
        "study": "x",
        "cohorts": {
            "a": {"source": {"path": "a"}, "splits_file": "s.csv", "labels": {"file": "l.csv", "label": "b"}},
            "b": {"source": {"recipe": {"name": "acdc", "folder": "f"}}},
        },
        "weights": {"w": {"source": {"file": {"path": "w.pth", "sha256": "0"}}}},
        "arms": {"vit_mim": {"init_file": {"path": "i.safetensors"}}},
    }
    assert dict(named_paths(study, schema, schema)) == {
        "cohorts.a.source.path": "a",
        "cohorts.a.splits_file": "s.csv",
        "cohorts.a.labels.file": "l.csv",
        "cohorts.b.source.recipe.folder": "f",
        "weights.w.source.file.path": "w.pth",
        "arms.vit_mim.init_file.path": "i.safetensors",
    }
