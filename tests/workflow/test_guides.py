"""What CONTRIBUTING says is enough, followed to the letter in a copy of the checkout."""

import json
import re
import shutil
import subprocess
import sys
import textwrap

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT

PARTS = ("Snakefile", "config", "envs", "profiles", "report", "rules", "scripts", "sixgig", "tests", "pyproject.toml")


def files_of(guide):
    """The files that a guide shows: path -> content, for every code block after a path."""
    text = (ROOT / "CONTRIBUTING.md").read_text().split(f"## {guide}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^\d\. `([^`]+)`(?:(?!^\d\.)[\s\S])*?^   ```\w+\n([\s\S]*?)^   ```", text, re.MULTILINE)
    return {path: textwrap.dedent(block) for path, block in blocks}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout


def test_add_an_arm(copy):
    files = files_of("Add an arm")
    assert len(files) == 5
    for path, text in files.items():
        (copy / path).parent.mkdir(exist_ok=True)
        (copy / path).write_text(text)
    run(copy, "-m", "sixgig.plan.schema")
    study = yaml.safe_load((copy / "config/config.yaml").read_text())
    study["arms"] = {"vit_pure": study["arms"]["vit_pure"], "vit_whitened": {"components": 8}}
    (copy / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    planned = run(copy, "-m", "snakemake", "-n", "--cores", "2", "--configfile", "study.yaml")
    for cohort in study["cohorts"]:
        assert f"results/default/features/{cohort}/vit_whitened.npz" in planned
        assert f"results/default/predictions/{cohort}/vit_whitened.svm.csv" in planned
    shown = run(
        copy,
        "-c",
        "import json, yaml; from sixgig.plan.config import complete; from sixgig.plan.plan import Plan\n"
        "from sixgig.words.titles import arm_colour, arm_title\n"
        "study = yaml.safe_load(open('study.yaml')); name = 'vit_whitened'\n"
        "print(json.dumps([complete(study)['arms'][name], arm_title(name), arm_colour(name), Plan(study).arms]))",
    )
    options, title, colour, arms = json.loads(shown)
    assert options == {"batch_size": 32, "pooling": "mean", "components": 8}
    assert (title, colour) == ("Whitened ViT", "#56B4E9")
    assert arms == ["vit_pure", "vit_whitened", "control_random_vit"]
    tests = ["tests/unit/arms/test_vit_whitened.py", "tests/unit/plan/test_config.py", "tests/unit/plan/test_homes.py"]
    run(copy, "-m", "pytest", "-q", *tests)
    run(copy, "-m", "ruff", "check", *[path for path in files if path.endswith(".py")])
    run(copy, "-m", "ruff", "format", "--check", *[path for path in files if path.endswith(".py")])
