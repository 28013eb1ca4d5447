import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from sixgig.classifiers.registry import alone, build_classifier, check_options, classifier_names, looks
from sixgig.errors import ConfigError


def data(n_features=30):
    generator = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    return generator.normal(size=(90, n_features)) + 2 * (y == "b")[:, None] - 2 * (y == "c")[:, None], y


@pytest.mark.parametrize("name", classifier_names())
def test_every_classifier_builds_fits_and_scores(name):
    X, y = data()
    pipeline, grid = build_classifier(name, {}, seed=3)
    scores = clone(pipeline).fit(X, y).predict_proba(X)
    assert scores.shape == (90, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    parameters = set(pipeline.get_params())
    assert all(set(part) <= parameters for part in grid)
    assert looks()[name].title
    assert check_options(name, check_options(name, {})) == check_options(name, {})


@pytest.mark.parametrize("name", [name for name in classifier_names() if not alone(name)])
def test_constant_features_are_no_problem(name):
    X, y = data()
    pipeline, _ = build_classifier(name, {}, seed=3)
    X[:, 3] = 7.0
    assert pipeline.fit(X, y).score(X, y) > 0.8
    assert np.isfinite(pipeline.fit(np.ones_like(X), y).predict_proba(np.ones_like(X))).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("svm", {"c": [1]}, r"classifiers.svm.c: is not known(.|\n)*Known here: pca, kernels, C, gamma"),
        ("svm", {"C": []}, r"classifiers.svm.C: \[\] should be non-empty(.|\n)*Penalties"),
        ("svm", {"C": [1, -1]}, "classifiers.svm.C.1: -1 is less than or equal"),
        ("svm", {"gamma": [True]}, "True is not of type 'number'"),
        ("svm", {"kernels": ["poly"]}, r"'poly' is not one of \['linear', 'rbf'\]"),
        ("svm", {"pca": 0}, "share of the training fold's variance"),
        ("svm", {"pca": 1.5}, "share of the training fold's variance"),
        ("src", {"n_nonzero": [2.5]}, "2.5 is not of type 'integer'"),
        ("src", {"coding": "omp"}, "'omp' is not of type 'array'"),
        ("src", {"coding": ["ksvd"]}, r"'ksvd' is not one of \['omp', 'lasso', 'crc'\]"),
        ("src", {"ridge": [0]}, "classifiers.src.ridge.0: 0 is less than or equal"),
        ("src", {"atoms_per_class": 0}, r"0 is less than the minimum of 1(.|\n)*null makes every training subject"),
        ("src", {"shrinkage": "random"}, r"'random' is not one of \['subset', 'ksvd'\]"),
        ("logistic", {"C": [0]}, "classifiers.logistic.C.0: 0 is less than or equal"),
        ("logistic", {"penalty": "l1"}, r"classifiers.logistic.penalty: is not known(.|\n)*Known here: pca, C"),
        ("knn", {"n_neighbors": [0]}, "classifiers.knn.n_neighbors.0: 0 is less than the minimum of 1"),
        ("knn", {"n_neighbors": [3, 3]}, "non-unique"),
        ("knn", {"scaling": "minmax"}, r"'minmax' is not one of \['standard', 'centre', 'none'\](.|\n)*unit length"),
        ("prototype", {"pca": 3}, r"classifiers.prototype.pca: is not known(.|\n)*Known here: scaling"),
        ("majority_class", {"C": [1]}, r"classifiers.majority_class.C: is not known(.|\n)*Known here: nothing"),
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
    assert (alone("src"), alone("majority_class")) == (None, "control_majority_class")
