"""Label fractions of a classifier of bags, through files."""

import json

import numpy as np

from sixgig.evaluation.bags import BagsOfImages
from sixgig.evaluation.fractions import classify_fractions
from sixgig.evaluation.job import Vectors
from sixgig.tables.features import write_features
from sixgig.tables.fractions import FRACTION_PREDICTIONS
from tests.unit.evaluation.jobs import job_of
from tests.unit.evaluation.test_bags import OPTIONS, cohort

__all__ = ["cohort"]  # a fixture

#: 8 training subjects in a fold, 4 of each class: half of them leaves 2, a quarter 1.
SHARES = [0.25, 0.5]


def run(folder, features="arm.images.npy"):
    seen = BagsOfImages(folder / features, folder / "manifest.csv")
    classify_fractions(job_of(folder / "splits.csv", "mil", OPTIONS, folder / "arm.mil.csv"), seen, SHARES)
    return FRACTION_PREDICTIONS.read(folder / "arm.mil.csv"), json.loads((folder / "arm.mil.json").read_text())


def test_bags_are_trained_on_the_subjects_that_other_classifiers_have(cohort):
    table, facts = run(cohort)
    assert set(table["fraction"]) == {0.5}
    assert len(table) == 32
    failed, done = facts["fractions"]
    assert failed["status"].startswith("failed: fraction 0.25, repeat 0, fold 0: class 'a' has 1 labelled subjects")
    assert {chosen["n_train"] for chosen in done["chosen"]} == {4}
    vectors = np.load(cohort / "arm.images.npy").reshape(18, 3, 4).max(axis=1)
    write_features(cohort / "arm.npz", vectors, np.array([f"s{number:02d}" for number in range(18)]))
    job = job_of(cohort / "splits.csv", "knn", {}, cohort / "arm.knn.csv")
    classify_fractions(job, Vectors(cohort / "arm.npz"), SHARES)
    other = FRACTION_PREDICTIONS.read(cohort / "arm.knn.csv")
    names = ["fraction", "repeat", "fold", "subject_id", "label"]
    assert other[names].equals(table[names])


def test_an_arm_that_failed_leaves_no_rows_and_wrong_features_a_reason(cohort):
    np.save(cohort / "none.npy", np.zeros((0, 4), dtype=np.float32))
    table, facts = run(cohort, "none.npy")
    assert (len(table), facts["fractions"]) == (0, [])
    np.save(cohort / "wrong.npy", np.full((54, 4), np.nan, dtype=np.float32))
    table, facts = run(cohort, "wrong.npy")
    assert len(table) == 0
    assert [own["fraction"] for own in facts["fractions"]] == SHARES
    assert all("54 of 54 images have features that are NaN" in own["status"] for own in facts["fractions"])
