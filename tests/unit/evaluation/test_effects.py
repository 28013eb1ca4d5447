import json
import logging

import numpy as np
import pandas as pd

from sixgig.classifiers.search import Effect
from sixgig.evaluation.classification import classify
from sixgig.evaluation.effects import sentence, summed
from sixgig.evaluation.fractions import classify_fractions
from sixgig.evaluation.job import Vectors
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.features import write_features
from tests.unit.evaluation.jobs import job_of


def test_folds_are_summed_up():
    why = "because"
    one = Effect({"n_nonzero": [10, 20]}, {"n_nonzero": [8]}, [9], 5, 4, why)
    other = Effect({"n_nonzero": [5, 10, 20]}, {"n_nonzero": [3, 4]}, [4, 5], 5, 3, why)
    found = summed([one, None, other])
    assert found == {
        "parameters": {"n_nonzero": {"asked": [5, 10, 20], "used": [3, 4, 8]}},
        "dimensions": [4, 9],
        "folds": 2,
        "of": 3,
        "candidates": 5,
        "compared": [3, 4],
        "reason": "because",
    }
    assert sentence(found) == (
        "n_nonzero 5, 10, 20 came to 3 to 8 in 2 of 3 folds, on vectors of 4 to 9 dimensions: because. "
        "3 to 4 of 5 candidates differ; equal ones were dropped"
    )
    assert summed([None, None]) is None


def write_cohort(tmp_path, n_components):
    generator = np.random.default_rng(0)
    classes = np.arange(48) % 2
    low = generator.normal(size=(48, n_components)) + classes[:, None]
    features = (low @ generator.normal(size=(n_components, 20))).astype(np.float32)
    names = np.array([f"s{number:02d}" for number in range(48)])
    rows = [(names[i], f"c{classes[i]}", "evaluation", 0, (i // 2) % 3) for i in range(48)]
    splits = pd.DataFrame(rows, columns=["subject_id", "label", "role", "repeat", "fold"])
    SPLITS.write(splits.astype({"repeat": "Int64", "fold": "Int64"}), tmp_path / "splits.csv")
    write_features(tmp_path / "arm.npz", features, names)


def classified(tmp_path, n_components, n_nonzero, caplog):
    write_cohort(tmp_path, n_components)
    options = {"pca": 1.0, "coding": ["omp"], "n_nonzero": n_nonzero}
    with caplog.at_level(logging.WARNING):
        job = job_of(tmp_path / "splits.csv", "src", options, tmp_path / "arm.src.csv")
        classify(job, Vectors(tmp_path / "arm.npz"))
    return json.loads((tmp_path / "arm.src.json").read_text())


def test_facts_and_log_say_that_the_search_compared_nothing(tmp_path, caplog):
    facts = classified(tmp_path, 3, [5, 10, 20], caplog)
    effect = facts["effect"]
    assert effect["parameters"] == {"n_nonzero": {"asked": [5, 10, 20], "used": [3]}}
    assert (effect["dimensions"], effect["folds"], effect["of"], effect["compared"]) == ([4, 4], 3, 3, [1, 1])
    assert {json.loads(fold["parameters"])["n_nonzero"] for fold in facts["chosen"]} == {3}
    assert "n_nonzero 5, 10, 20 came to 3 in 3 of 3 folds, on vectors of 4 dimensions: as many atoms" in caplog.text


def test_facts_say_nothing_where_every_candidate_is_used(tmp_path, caplog):
    facts = classified(tmp_path, 20, [5, 10, 15], caplog)
    assert "effect" not in facts
    assert "came to" not in caplog.text


def test_fractions_say_so_too(tmp_path):
    write_cohort(tmp_path, 3)
    options = {"pca": 1.0, "coding": ["omp"], "n_nonzero": [2, 5]}
    job = job_of(tmp_path / "splits.csv", "src", options, tmp_path / "arm.src.csv")
    classify_fractions(job, Vectors(tmp_path / "arm.npz"), [0.5])
    (facts,) = json.loads((tmp_path / "arm.src.json").read_text())["fractions"]
    assert facts["effect"]["parameters"] == {"n_nonzero": {"asked": [5], "used": [3]}}
    assert all("effect" not in fold for fold in facts["chosen"])
