"""What `snakemake -n` says about mistakes in a study: file, line, reason and next step; and what jobs get."""

import json

import numpy as np
import pytest
from conftest import snakemake
from PIL import Image

STUDY = """\
study: early
image: {size: 32}
cohorts:
  pictures:
    adapter: image_folder
    source: {path: pictures}
    classes: {yes: [a], no: [b]}
    positive: yes
weights:
  cnn: {source: {hub: {}}, converter: timm, model: test_efficientnet}
arms:
  baseline_cnn: {weights: cnn}
controls: {random_vit: false}
evaluation:
  folds: 3
  repeats: 1
"""


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for index in range(10):
            pixels = random.integers(0, 255, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / label / f"{label}{index}.png")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "place", "reason", "step"),
    [
        (
            "  repeats: 1",
            "  folds: 4",
            "16: config key evaluation.folds",
            "is there twice, first in line 15",
            "keep one",
        ),
        (
            "positive: yes",
            "positive: Yes",
            "8: config key cohorts.pictures.positive",
            "there is no class 'Yes'",
            "'yes'",
        ),
        (
            "folds: 3",
            "folds: 11",
            "15: config key evaluation.folds",
            "is 11, and in cohort pictures class 'no' has 10",
            "to at most 10",
        ),
    ],
)
def test_mistakes_are_said_by_the_dry_run(folder, old, new, place, reason, step):
    (folder / "study.yaml").write_text(STUDY.replace(old, new))
    result = snakemake(folder, "-n", check=False)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert f"study.yaml:{place}: {reason}" in said
    assert step in said.partition("Next step: ")[2]
    assert "Traceback" not in said


def test_nested_values_of_the_command_line_reach_the_jobs(folder):
    """Numbers stay numbers, spellings stay, and what is not named keeps its value in the study file."""
    given = ("--config", "evaluation={folds: 4, alpha: 1e-2}", "cohorts={pictures: {limit: 16}}")
    target = "results/early/cohorts/pictures/splits.csv"
    snakemake(folder, "--cores", "1", "--set-threads", "prepare_cohort=1", *given, "--", target)
    facts = json.loads((folder / "results/early/cohorts/pictures/cohort.json").read_text())
    assert facts["classes"] == {"no": 8, "yes": 8}
    rows = [line.split(",") for line in (folder / target).read_text().splitlines()[1:]]
    assert {row[4] for row in rows if row[2] == "evaluation"} == {"0", "1", "2", "3"}
    assert {row[3] for row in rows if row[2] == "evaluation"} == {"0"}
    assert len(rows) == 16
    again = snakemake(folder, "-n", *given, "--", target)
    assert "Nothing to be done" in again.stdout + again.stderr
