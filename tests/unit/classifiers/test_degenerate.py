"""Data that no classifier can do much with: each answers, or says what is missing."""

import numpy as np
import pandas as pd
import pytest

from sixgig.classifiers.registry import alone, build_classifier, classifier_names
from sixgig.classifiers.search import search
from sixgig.errors import ClassifierError
from sixgig.evaluation.cross_validation import cross_validate

NAMES = [name for name in classifier_names() if not alone(name)]
#: Options with which a classifier that is trained step by step is quick.
QUICK = {"mil": {"epochs": 20, "learning_rate": [0.1], "weight_decay": [0.01]}}


def splits(labels, fold_of):
    names = [f"s{number:02d}" for number in range(len(labels))]
    table = pd.DataFrame({"subject_id": names, "label": labels, "role": "evaluation", "repeat": 0, "fold": fold_of})
    return names, table


@pytest.mark.parametrize("name", NAMES)
def test_one_feature_is_enough(name):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 1)) + 4 * y[:, None]
    names, table = splits(np.array(["a", "b"])[y], np.arange(40) // 2 % 4)
    predictions, _ = cross_validate(X, names, table, name, QUICK.get(name, {}), inner_folds=3, seed=0)
    assert (predictions["predicted"] == predictions["label"]).mean() > 0.85


@pytest.mark.parametrize("name", NAMES)
def test_constant_features_give_the_same_scores_to_all_and_those_that_never_change_do_not_count(name):
    y = np.arange(24) % 2
    names, table = splits(np.array(["a", "b"])[y], np.arange(24) // 2 % 3)
    constant, _ = cross_validate(np.full((24, 4), 7.0), names, table, name, QUICK.get(name, {}), inner_folds=2, seed=0)
    for _, fold in constant.groupby("fold"):
        assert np.ptp(fold[["score_a", "score_b"]].to_numpy(dtype=float), axis=0).max() < 1e-9
    rng = np.random.default_rng(0)
    X = np.column_stack([np.full(24, 7.0), rng.normal(size=(24, 3)) + 4 * y[:, None]])
    found, _ = cross_validate(X, names, table, name, QUICK.get(name, {}), inner_folds=2, seed=0)
    assert (found["predicted"] == found["label"]).mean() > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_two_subjects_of_each_class_are_searched_and_predicted(name):
    rng = np.random.default_rng(0)
    y = np.array(["a", "a", "b", "b", "c", "c"])
    X = rng.normal(size=(6, 5)) + 5 * np.repeat(np.eye(3, 5), 2, axis=0)
    pipeline, grid = build_classifier(name, QUICK.get(name, {}), seed=0)
    found = search(pipeline, grid, X, y, inner_folds=2, seed=0)
    scores = found.pipeline.predict_proba(X)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert np.array_equal(found.pipeline.predict(X), y)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_a_training_fold_lacks_is_named(name):
    labels = np.array(["a", "b"] * 6 + ["c", "c"])
    names, table = splits(labels, [*(np.arange(12) // 2 % 3), 0, 0])
    with pytest.raises(ClassifierError, match="fold 0.*class 'c' has 0 subjects to train on"):
        cross_validate(
            np.random.default_rng(0).normal(size=(14, 3)),
            names,
            table,
            name,
            QUICK.get(name, {}),
            inner_folds=2,
            seed=0,
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_give_the_same_bits(name):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    X = rng.normal(size=(30, 8)) + y[:, None]
    names, table = splits(np.array(["a", "b", "c"])[y], np.arange(30) // 3 % 3)
    known = (X, names, table, name, QUICK.get(name, {}))
    once, again = (cross_validate(*known, inner_folds=2, seed=3, threads=threads)[0] for threads in (1, 2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)
