"""What has a home of its own is named nowhere else."""

import re
from pathlib import Path

import pytest

from sixgig.arms.registry import arm_names, control_key, get_arm, is_control, look_names
from sixgig.classifiers.registry import alone, classifier_names
from sixgig.cohorts.registry import adapter_names

ROOT = Path(__file__).resolve().parents[3]
CODE = [
    path
    for folder in ("sixgig", "rules", "scripts")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".smk", ".yaml", ".j2")
] + [ROOT / "Snakefile"]
#: Rooms that belong to one arm: its method, in parts that another Python runs, or that are tested without the arm.
ROOMS = {"vit_mim": "sixgig/mim", "vit_contrastive": "sixgig/contrastive"}
#: Arms whose name is a word of the house: here only what imports or looks up the arm counts.
WORDS = ("features",)
#: Examples in docstrings: names of jobs and runs.
EXAMPLE = re.compile(r"``[^`]*``")


def naming(words, own):
    """Files that hold one of some words outside folders of its own."""
    pattern = re.compile(rf"\b({'|'.join(words)})\b")
    inside = [ROOT / folder for folder in own]
    return [
        str(path.relative_to(ROOT))
        for path in CODE
        if pattern.search(EXAMPLE.sub("", path.read_text())) and not any(path.is_relative_to(home) for home in inside)
    ]


def quoting(name, package):
    """Python files and rules that hold a name as a string, or as a module of a package."""
    pattern = re.compile(rf"[\"']{name}[\"']|{package}[./ ]{name}\b")
    code = [path for path in CODE if path.suffix in (".py", ".smk", "")]
    return [path.relative_to(ROOT) for path in code if pattern.search(path.read_text())]


@pytest.mark.parametrize("name", arm_names())
def test_an_arm_is_named_in_its_folder_alone(name):
    arms = {other: get_arm(other) for other in arm_names()}
    related = [other for other, arm in arms.items() if name in (getattr(arm, "default_source", None), arm.control_kind)]
    own = [f"sixgig/arms/{arm}" for arm in (name, *related)] + [ROOMS.get(name, f"sixgig/arms/{name}")]
    if name in WORDS:
        pattern = re.compile(rf"arms[./]{name}\b|get_arm\([\"']{name}|kind: {name}\b")
        assert [path for path in CODE if pattern.search(path.read_text()) and path.parent.name != name] == []
        return
    assert naming([name], own) == []


@pytest.mark.parametrize("name", [name for name in look_names() if is_control(name)])
def test_a_control_is_named_in_its_folder_alone(name):
    registry = "sixgig/arms/registry.py"  # which knows that there is one for each family of networks
    classifiers = f"sixgig/classifiers/{control_key(name)}"
    allowed = {registry, "rules/classify.smk", "config/schema.yaml"}
    assert set(naming([name], [f"sixgig/arms/{name}", classifiers])) <= allowed


@pytest.mark.parametrize("name", [name for name in classifier_names() if not alone(name)])
def test_a_classifier_is_named_in_its_folder_alone(name):
    found = quoting(name, "classifiers")
    assert {path.parent.name for path in found} <= {name}


@pytest.mark.parametrize("name", adapter_names())
def test_an_adapter_is_named_in_its_module_alone(name):
    """Recipes and phantoms, which write such cohorts, are things of their own that share the name, and so are the ways
    of `sixgig new`, one module per adapter."""
    found = [path for path in quoting(name, "adapters") if path.parts[1] not in ("phantoms", "sources", "command")]
    if name == "table":  # also a key of `groups`
        found = [path for path in found if path.name not in ("groups.py", "of_cohorts.py")]
    assert found == [Path(f"sixgig/cohorts/adapters/{name}.py")]
