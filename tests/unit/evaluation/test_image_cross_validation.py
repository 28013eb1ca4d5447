"""Images as rows: those of a subject stay together wherever something is fitted or chosen."""

import numpy as np
import pandas as pd
import pytest

from sixgig.classifiers import search as search_module
from sixgig.classifiers import temperature
from sixgig.errors import ClassifierError
from sixgig.evaluation.classification import classify, predict_majority
from sixgig.evaluation.cross_validation import cross_validate, predict_held_out
from sixgig.evaluation.job import Vectors
from sixgig.evaluation.splits import make_splits
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features, write_features
from sixgig.tables.predictions import PREDICTIONS
from tests.unit.evaluation.jobs import job_of

SMALL = {"svm": {"C": [0.1, 10.0], "gamma": [1.0]}, "src": {"n_nonzero": [5], "alpha": [0.1]}, "majority_class": {}}
SEARCH = {"inner_folds": 3, "seed": 1}


def cohort(images_of, seed=0, **changes):
    """Return features of images, their manifest and the splits; ``images_of`` maps a subject to its images' classes."""
    rows = [(f"{s}_{i}", s, label) for s, labels in images_of.items() for i, label in enumerate(labels)]
    nothing = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    table = pd.DataFrame(rows, columns=["image_id", "subject_id", "label"]).assign(source="x", **nothing)
    table = MANIFEST.check(table, "manifest")
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(table), 6)) + 1.5 * (table["label"] == "b").to_numpy(dtype=float)[:, None]
    settings = {"folds": 3, "repeats": 2, "pretraining_fraction": 0.2, "scope": "inductive", "seed": 2} | changes
    return features.astype(np.float32), table, make_splits(table, labels_of="image", **settings)


def mixed(n=24):
    return {f"s{number:02d}": ["a", "a", *(["b"] if number % 2 else []), None] for number in range(n)}


@pytest.mark.parametrize("classifier", SMALL)
def test_every_labelled_image_is_predicted_once_a_repeat_in_the_fold_of_its_subject(classifier):
    features, table, splits = cohort(mixed())
    names = table["image_id"].tolist()
    found, choices = cross_validate(features, names, splits, classifier, SMALL[classifier], images=table, **SEARCH)
    evaluated = set(splits.loc[splits["role"] == "evaluation", "subject_id"])
    expected = table[table["label"].notna() & table["subject_id"].isin(evaluated)]
    for _, own in found.groupby("repeat"):
        assert own["image_id"].tolist() == expected.sort_values(["subject_id", "image_id"])["image_id"].tolist()
    merged = found.merge(table[["image_id", "label", "subject_id"]], on="image_id", suffixes=("", "_manifest"))
    assert (merged["label"] == merged["label_manifest"]).all()
    merged = found.merge(splits, on=["subject_id", "repeat"], suffixes=("", "_split"))
    assert (merged["fold"] == merged["fold_split"]).all()
    assert (choices["n_test"].groupby(choices["repeat"]).sum() == len(expected)).all()


@pytest.mark.parametrize("classifier", SMALL)
def test_with_one_image_a_subject_predictions_are_those_of_subjects(classifier):
    features, table, splits = cohort({f"s{number:02d}": ["ab"[number % 2]] for number in range(40)})
    own = features, table["image_id"].tolist(), splits, classifier, SMALL[classifier]
    of_images, choices = cross_validate(*own, images=table, **SEARCH)
    whole = features, table["subject_id"].tolist(), *own[2:]
    of_subjects, others = cross_validate(*whole, **SEARCH)
    pd.testing.assert_frame_equal(of_images.drop(columns="image_id"), of_subjects)
    pd.testing.assert_frame_equal(choices, others)


def test_the_inner_search_and_the_scores_keep_subjects_whole(monkeypatch):
    """Every pair of training and test rows that a splitter gives is looked at."""
    seen = []

    class Watched(search_module.GroupedFolds):
        def split(self, X, y, groups=None):
            for train, test in super().split(X, y, groups):
                seen.append((set(groups[train]), set(groups[test]), set(y[train]), set(y[test])))
                yield train, test

    monkeypatch.setattr(search_module, "GroupedFolds", Watched)
    monkeypatch.setattr(temperature, "GroupedFolds", Watched)
    features, table, splits = cohort(mixed())
    for name in ("svm", "src"):
        cross_validate(features, table["image_id"].tolist(), splits, name, SMALL[name], images=table, **SEARCH)
    # Two classifiers, six outer folds, three inner folds to choose and three to fit the scores.
    assert len(seen) == 2 * 6 * (3 + 3)
    for train, test, trained, tested in seen:
        assert not train & test
        assert len(trained) == len(tested) == 2


def test_inner_folds_are_at_most_the_subjects_that_hold_a_class():
    """Class b has 12 images, of 6 subjects, 4 of which train: four inner folds are made where ten are asked for."""
    images = {f"s{number:02d}": ["a", "a", *(["b", "b"] if number < 6 else [])] for number in range(18)}
    features, table, splits = cohort(images, pretraining_fraction=0.0)
    asked = SEARCH | {"inner_folds": 10}
    _, choices = cross_validate(
        features, table["image_id"].tolist(), splits, "svm", SMALL["svm"], images=table, **asked
    )
    assert set(choices["inner_folds"]) == {4}


def test_held_out_subjects_are_predicted_by_image():
    features, table, splits = cohort(mixed())
    chosen = splits["subject_id"].isin(["s00", "s01"])
    test = splits[chosen].drop_duplicates("subject_id").assign(role="test", repeat=pd.NA, fold=pd.NA)
    splits = SPLITS.check(pd.concat([splits[~chosen], test]), "splits")
    found, _ = predict_held_out(
        features, table["image_id"].tolist(), splits, "svm", SMALL["svm"], images=table, **SEARCH
    )
    assert found["image_id"].tolist() == ["s00_0", "s00_1", "s01_0", "s01_1", "s01_2"]


def test_an_image_without_features_is_named():
    features, table, splits = cohort(mixed())
    evaluated = splits.loc[splits["role"] == "evaluation", "subject_id"].iloc[0]
    lost = f"{evaluated}_0"
    kept = (table["image_id"] != lost).to_numpy(dtype=bool)
    with pytest.raises(ClassifierError, match=f"image '{lost}' is evaluated but has no features"):
        cross_validate(
            features[kept], table["image_id"][kept].tolist(), splits, "svm", SMALL["svm"], images=table, **SEARCH
        )


def test_files_of_images_and_of_a_failed_arm(tmp_path):
    features, table, splits = cohort(mixed())
    MANIFEST.write(table, tmp_path / "manifest.csv")
    SPLITS.write(splits, tmp_path / "splits.csv")
    names = table["subject_id"].to_numpy(dtype=str), table["image_id"].to_numpy(dtype=str)
    write_features(tmp_path / "arm.npz", features, *names)
    assert read_features(tmp_path / "arm.npz")[1].tolist() == table["image_id"].tolist()
    write_features(tmp_path / "failed.npz", np.zeros((0, 0)), np.zeros(0, dtype=str))
    files = {"splits": tmp_path / "splits.csv", "manifest": tmp_path / "manifest.csv"}
    for arm in ("arm", "failed"):
        job = job_of(files["splits"], "svm", SMALL["svm"], tmp_path / f"{arm}.svm.csv", **SEARCH)
        classify(job, Vectors(tmp_path / f"{arm}.npz", files["manifest"]))
        assert "image_id" in PREDICTIONS.read(tmp_path / f"{arm}.svm.csv")
    predict_majority(seed=1, predictions=tmp_path / "majority.csv", **files)
    found = PREDICTIONS.read(tmp_path / "majority.csv")
    assert len(found) == len(PREDICTIONS.read(tmp_path / "arm.svm.csv"))
    assert set(found["predicted"]) == {"a"}


def test_the_inner_folds_that_were_made_are_told():
    """Each training subject lacks one of four classes: each class is of three of four, and two folds are the most."""
    images = {f"{lacking}{copy}": [c for c in "wxyz" if c != lacking] for lacking in "wxyz" for copy in range(2)}
    features, table, splits = cohort(images, folds=2, repeats=1, pretraining_fraction=0.0)
    own = splits["subject_id"].str[1].astype(int)
    splits = splits.assign(fold=own.astype("Int64"))
    _, choices = cross_validate(
        features, table["image_id"].tolist(), splits, "svm", SMALL["svm"], images=table, inner_folds=3, seed=1
    )
    assert choices["inner_folds"].tolist() == [2, 2]
