"""What the user changes after a study is finished is seen, said, and computed again; nothing else is."""

import json
import os
import re
import shutil
import sqlite3

import numpy as np
import pytest
import yaml
from conftest import RUN, snakemake
from PIL import Image

from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.scores import METRICS

#: As no other word of a study's files: a search for it finds this subject.
GONE = "fulana07"


def picture(path, seed, base):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 100, (30, 40), dtype=np.uint8) + np.uint8(base)).save(path)


def write_folder(root):
    """Sixteen patients with two pictures each, one folder for each class."""
    for number in range(16):
        name = GONE if number == 7 else f"cicrana{number:02d}"
        for place in range(2):
            picture(root / ("benign", "malign")[number % 2] / f"{name}_{place}.png", 2 * number + place, 40 + 80 * (number % 2))


def write_table(root):
    """Sixteen subjects with a picture each, and their classes in a CSV."""
    lines = ["path,subject_id,label"]
    for number in range(16):
        picture(root / f"p{number:02d}.png", 100 + number, 40 + 80 * (number % 2))
        lines.append(f"p{number:02d}.png,s{number:02d},{('low', 'high')[number % 2]}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("changed")
    write_folder(folder / "data" / "folder")
    write_table(folder / "data" / "table")
    config = {
        **tiny_config,
        "cohorts": {
            "folder": {
                "adapter": "image_folder",
                "source": {"path": "data/folder"},
                "subject_pattern": r"(?P<subject>[a-z]+\d+)_",
            },
            "table": {"adapter": "table", "source": {"path": "data/table/labels.csv"}},
        },
        "arms": {arm: tiny_config["arms"][arm] for arm in ("vit_pure", "vit_sparse")},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "controls": {"majority_class": True, "random_vit": False},
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}},
        "evaluation": {**tiny_config["evaluation"], "pretraining_fraction": 0.3},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "study")
    return tmp_path / "study"


def plan(folder):
    """Return what `-n` says has changed, and the jobs that it plans, by rule."""
    shown = snakemake(folder, "-n", "--cores", "2")
    said = [line for line in shown.stderr.splitlines() if line.startswith("[sixgig] cohort")]
    if "Nothing to be done" in shown.stdout:
        return said, {}
    table = shown.stdout[shown.stdout.index("Job stats:") :]
    return said, {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def ran(shown):
    """Return the jobs that a run ended, as rule and cohort."""
    return set(re.findall(r"^\[(\w+) (\S+)\] done", shown.stderr, re.MULTILINE))


def times(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in (folder / "results").rglob("*") if path.is_file()}


def test_nothing_changed(copy):
    assert plan(copy) == ([], {})


def test_labels_corrected(copy):
    """The other cohort stays as it is, and pictures that are the same are not encoded again."""
    table = copy / "data/table/labels.csv"
    table.touch()
    assert plan(copy) == ([], {})
    text = table.read_text().replace("s02,low", "s02,high").replace("s05,high", "s05,low")
    table.write_text("".join(line for line in text.splitlines(True) if ",s09," not in line))
    (said,), jobs = plan(copy)
    assert said == "[sixgig] cohort table has changed: labels.csv: 2 subjects relabelled (s02, s05), 1 removed (s09); 1 file removed: p09.png"
    assert jobs["prepare_cohort"] == 1
