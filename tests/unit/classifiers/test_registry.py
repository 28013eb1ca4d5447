import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from sixgig.classifiers.registry import CLASSIFIERS, build_classifier, check_options, classifier_info
from sixgig.errors import ConfigError


def data(n_features=30):
    generator = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    return generator.normal(size=(90, n_features)) + 2 * (y == "b")[:, None] - 2 * (y == "c")[:, None], y


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_builds_fits_and_scores(name):
    X, y = data()
    pipeline, grid = build_classifier(name, {}, seed=3)
    scores = clone(pipeline).fit(X, y).predict_proba(X)
    assert scores.shape == (90, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    parameters = set(pipeline.get_params())
    assert all(set(part) <= parameters for part in grid)
    assert CLASSIFIERS[name].title
    assert check_options(name, {}) == CLASSIFIERS[name].defaults


@pytest.mark.parametrize("name", ["svm", "src"])
def test_constant_features_are_no_problem(name):
    X, y = data()
    pipeline, _ = build_classifier(name, {}, seed=3)
    X[:, 3] = 7.0
    assert pipeline.fit(X, y).score(X, y) > 0.8
    assert np.isfinite(pipeline.fit(np.ones_like(X), y).predict_proba(np.ones_like(X))).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("svm", {"c": [1]}, "classifiers.svm.c: there is no such option"),
        ("svm", {"C": []}, "classifiers.svm.C: .* non-empty list of positive numbers"),
        ("svm", {"C": [1, -1]}, "positive numbers"),
        ("svm", {"gamma": [True]}, "positive numbers"),
        ("svm", {"kernels": ["poly"]}, "list out of linear, rbf"),
        ("svm", {"pca": 0}, "share of the variance"),
        ("svm", {"pca": 1.5}, "share of the variance"),
        ("src", {"n_nonzero": [2.5]}, "whole numbers of at least 1"),
        ("src", {"coding": "omp"}, "list out of omp, lasso, crc"),
        ("src", {"coding": ["ksvd"]}, "list out of omp, lasso, crc"),
        ("src", {"ridge": [0]}, "positive numbers"),
        ("src", {"atoms_per_class": 0}, "whole number of at least 1, or null"),
        ("src", {"shrinkage": "random"}, "must be subset or ksvd"),
        ("majority_class", {"C": [1]}, "the options of majority_class are: none"),
        ("forest", {}, "there is no such classifier"),
    ],
)
def test_wrong_options_name_the_key(name, options, message):
    with pytest.raises(ConfigError, match=message):
        build_classifier(name, options, seed=0)
    with pytest.raises(ConfigError, match="Next step"):
        build_classifier(name, options, seed=0)


def test_options_reach_the_grid():
    _, grid = build_classifier("svm", {"kernels": ["rbf"], "C": [2], "gamma": [0.5]}, seed=0)
    assert grid == [{"classifier__kernel": ["rbf"], "classifier__C": [2], "classifier__gamma": [0.5]}]
    pipeline, grid = build_classifier("src", {"coding": ["omp"], "n_nonzero": [4], "pca": 5}, seed=0)
    assert grid == [{"classifier__coding": ["omp"], "classifier__n_nonzero": [4]}]
    assert pipeline.get_params()["pca__keep"] == 5
    options = {"coding": ["crc"], "ridge": [0.5], "atoms_per_class": 7, "shrinkage": "ksvd"}
    pipeline, grid = build_classifier("src", options, seed=0)
    assert grid == [{"classifier__coding": ["crc"], "classifier__ridge": [0.5]}]
    assert pipeline[-1].get_params()["atoms_per_class"] == 7
    assert pipeline[-1].get_params()["shrinkage"] == "ksvd"


def test_looking_classifiers_up_does_not_load_scikit_learn():
    code = (
        "import sys, sixgig.classifiers.registry as c; c.check_options('svm', {}); sys.exit('sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert classifier_info("src").name == "src"
