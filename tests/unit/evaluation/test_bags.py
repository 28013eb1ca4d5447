"""A classifier of bags, through files."""

import json

import numpy as np
import pandas as pd
import pytest

from sixgig.evaluation.bags import BagsOfImages, classify_bags
from sixgig.tables.attention import ATTENTION
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.predictions import PREDICTIONS
from tests.unit.evaluation.jobs import job_of

OPTIONS = {"width": [4], "learning_rate": [0.05], "weight_decay": [0.001, 0.1], "epochs": 30, "pca": 1.0}


@pytest.fixture
def cohort(tmp_path):
    """16 evaluation subjects and 2 test subjects of two classes, with 3 images each; one image tells the class."""
    rng = np.random.default_rng(0)
    names = [f"s{number:02d}" for number in range(18)]
    rows, features = [], []
    for number, name in enumerate(names):
        marked = rng.integers(3)
        for image in range(3):
            known = {"subject_id": name, "label": "ab"[number % 2], "volume_id": name, "slice": image}
            rows.append({"image_id": f"{name}_{image}", **known})
            features.append(rng.normal(size=4) + (20 * (number % 2) if image == marked else 0))
    manifest = pd.DataFrame(rows).assign(frame=None, partition=0, source="x")
    MANIFEST.write(manifest.reindex(columns=MANIFEST.column_names), tmp_path / "manifest.csv")
    splits = pd.DataFrame(
        [
            {"subject_id": name, "label": "ab"[n % 2], "role": "test" if n > 15 else "evaluation",
             "repeat": None if n > 15 else repeat, "fold": None if n > 15 else n // 2 % 2}
            for n, name in enumerate(names) for repeat in range(1 if n > 15 else 2)
        ]
    )  # fmt: skip
    SPLITS.write(splits.reindex(columns=SPLITS.column_names), tmp_path / "splits.csv")
    np.save(tmp_path / "arm.images.npy", np.array(features, dtype=np.float32))
    return tmp_path


def run(folder, name="arm.mil.csv", features="arm.images.npy", of_volumes=False, **changes):
    seen = BagsOfImages(folder / features, folder / "manifest.csv", of_volumes)
    classify_bags(job_of(folder / "splits.csv", "mil", OPTIONS, folder / name, **changes), seen)
    stem = (folder / name).with_suffix("")
    return stem, json.loads((folder / name).with_suffix(".json").read_text())


def test_predictions_choices_and_weights_of_held_out_images_are_written(cohort):
    _, facts = run(cohort)
    predictions = PREDICTIONS.read(cohort / "arm.mil.csv")
    assert len(predictions) == 32
    assert (predictions["label"] == predictions["predicted"]).mean() > 0.8
    assert len(PREDICTIONS.read(cohort / "arm.mil.test.csv")) == 2
    assert len(facts["chosen"]) == 4
    assert set(json.loads(facts["chosen"][0]["parameters"])) == {"width", "learning_rate", "weight_decay"}
    attention = ATTENTION.read(cohort / "arm.mil.attention.csv")
    assert len(attention) == 16 * 3 * 2
    sums = attention.groupby(["repeat", "subject_id"])["weight"].sum()
    np.testing.assert_allclose(sums, 1.0, atol=1e-5)
    assert all(
        image.startswith(f"{name}_")
        for image, name in zip(*(attention[c] for c in ("image_id", "subject_id")), strict=True)
    )
    folds = predictions.set_index(["repeat", "subject_id"])["fold"]
    found = attention.drop_duplicates(["repeat", "subject_id"]).set_index(["repeat", "subject_id"])["fold"]
    assert (found.sort_index() == folds.sort_index()).all()


def test_the_same_files_give_the_same_bytes_whatever_the_threads(cohort):
    run(cohort, "one.csv")
    run(cohort, "two.csv", threads=2)
    for suffix in ("csv", "test.csv", "attention.csv"):
        assert (cohort / f"one.{suffix}").read_bytes() == (cohort / f"two.{suffix}").read_bytes()


def test_an_arm_that_failed_leaves_tables_without_rows(cohort):
    np.save(cohort / "none.npy", np.zeros((0, 0), np.float32))
    _, facts = run(cohort, features="none.npy")
    assert "status" not in facts
    assert len(ATTENTION.read(cohort / "arm.mil.attention.csv")) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: np.where(np.arange(len(rows))[:, None] == 5, np.nan, rows),
            "1 of 54 images have features that are",
        ),
        (lambda rows: rows[:-1], "53 rows of features for 54 images"),
    ],
)
def test_features_that_cannot_be_used_are_said_in_the_status(cohort, change, message):
    np.save(cohort / "bad.npy", change(np.load(cohort / "arm.images.npy")))
    _, facts = run(cohort, features="bad.npy")
    assert facts["status"].startswith("failed: ")
    assert message in facts["status"]


def test_bags_of_one_volume_are_said_in_the_status(cohort):
    np.save(cohort / "volumes.npy", np.load(cohort / "arm.images.npy")[::3])
    _, facts = run(cohort, features="volumes.npy", of_volumes=True)
    assert "every subject has a single image (or volume)" in facts["status"]
