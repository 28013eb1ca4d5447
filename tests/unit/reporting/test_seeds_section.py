"""What the report says of seeds: with one, that results are of this network; with several, how far they lie apart."""

import numpy as np
import pytest

from sixgig.evaluation.runs import with_spread
from sixgig.reporting.results import costs as costs_view
from sixgig.reporting.seeds import seeds, sentences
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.costs import COSTS
from sixgig.tables.scores import METRICS, SUMMARY
from tests.unit.reporting.fake_study import write_fake_study

APART = 0.03


@pytest.fixture
def folder(tmp_path):
    return write_fake_study(tmp_path, cohorts=("elpv",))


@pytest.fixture
def several(folder):
    """The fake study, whose sparse codes have three seeds: as they are, and 0.03 lower and higher."""
    metrics, costs = METRICS.read(folder / "metrics.csv"), COSTS.read(folder / "costs.csv")
    codes = metrics[metrics["arm"] == "vit_sparse"]
    moved = [codes.assign(seed=number, value=codes["value"] + sign * APART) for number, sign in ((1, -1), (2, 1))]
    metrics = type(metrics)(np.concatenate([metrics.assign(seed=0), *moved]), columns=[*metrics.columns, "seed"])
    METRICS.write(metrics, folder / "metrics.csv")
    metrics = METRICS.read(folder / "metrics.csv")
    summary = SUMMARY.read(folder / "summary.csv").reset_index(drop=True)
    parts = [
        with_spread(rows, metrics[(metrics["arm"] == arm) & (metrics["classifier"] == classifier)], 0.05)
        for (arm, classifier), rows in summary.groupby(["arm", "classifier"], sort=False)
    ]
    SUMMARY.write(type(summary)(np.concatenate(parts), columns=parts[0].columns), folder / "summary.csv")
    COSTS.write(costs.assign(seed=costs["arm"].map({"vit_sparse": 1})), folder / "costs.csv")
    info = read_json(folder / "study.json")
    info["config"].setdefault("evaluation", {})["seeds"] = 3
    write_json(folder / "study.json", info)
    return folder


def test_with_one_seed_the_words_are_this_trained_network(folder):
    study = Study(folder)
    (text,) = sentences(study)
    assert text.startswith("One seed: the results of ")
    assert "are about this trained network, or these random weights" in text
    assert "Pure ViT," not in text  # frozen
    assert seeds(study).rows == []


def test_with_several_the_spread_is_in_a_sentence_and_a_table(several):
    study = Study(several)
    first, widest = sentences(study)
    assert "are means over 3 seeds" in first
    assert widest.endswith("differs most between seeds, with a standard deviation of 0.030.")
    table = seeds(study)
    assert {row[1].text for row in table.rows} == {"Sparse ViT + SVM", "Sparse ViT + SRC"}
    assert [(row[2].text, row[4].text) for row in table.rows] == [("3", "0.030")] * 2
    for row in table.rows:
        middle = (row[5].sort or 0) + APART
        assert row[5].text == f"{middle - APART:.3f} to {middle + APART:.3f}"
    assert {row[1].text for row in costs_view(study).rows} >= {"Pure ViT", "Sparse ViT, seed 1"}
