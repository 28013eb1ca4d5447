import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from sixgig.classifiers.bags import Bags, Stack, bags_of
from sixgig.classifiers.mil.classifier import AttentionMIL
from sixgig.classifiers.mil.training import Attention, Setting, train
from sixgig.classifiers.registry import build_classifier
from sixgig.errors import CohortError

SETTING = Setting(width=3, gated=False, learning_rate=0.05, weight_decay=0.0, epochs=5, patience=3, seed=1)


def cohort(n=40, images=(4, 9), d=6, seed=0):
    """Bags in which one image of a positive subject, anywhere among its images, is bright in the first feature."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    sizes = rng.integers(*images, size=n)
    rows = np.split(np.arange(sizes.sum()), np.cumsum(sizes)[:-1])
    features = rng.normal(size=(sizes.sum(), d)).astype(np.float32)
    marked = np.array([rng.choice(own) for own in rows])
    features[marked[y == 1], 0] += 8
    return Bags(features, rows), np.arange(n)[:, None], y, marked


@parametrize_with_checks([AttentionMIL(epochs=15, patience=5, learning_rate=0.1, calibration_folds=2)])
def test_obeys_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("gated", [False, True])
def test_weights_and_logits_are_those_of_the_paper(gated):
    rng = np.random.default_rng(0)
    stack = Stack(rng.normal(size=(5, 2)).astype(np.float32), np.array([0, 0, 0, 1, 1]), 1)
    network = Attention(2, 1, 2, Setting(3, gated, 0.1, 0.0, 1, 1, 0))
    for tensor in (*network.decayed, *network.free):
        tensor.data = torch.from_numpy(rng.normal(size=tuple(tensor.shape)).astype(np.float32))
    logits, weights = network.look(stack)
    V, b, U, c, w, W, o = (
        tensor.detach().numpy().astype(float)
        for tensor in (
            network.hidden, network.offset, network.gate, network.gate_offset, network.attention, network.output,
            network.bias,
        )
    )  # fmt: skip
    for bag, own in enumerate(([0, 1, 2], [3, 4])):
        x = stack.rows[own].astype(float)
        hidden = np.tanh(x @ V.T + b) * (1 / (1 + np.exp(-(x @ U.T + c))) if gated else 1)
        a = np.exp(hidden @ w) / np.exp(hidden @ w).sum()
        np.testing.assert_allclose(weights[own], a, atol=1e-6)
        np.testing.assert_allclose(logits[bag], W @ (a @ x) + o, atol=1e-5)


def test_frames_are_weighed_apart_and_stand_side_by_side():
    rows = np.array([[1.0], [3], [10], [20]], np.float32)
    stack = Stack(rows, np.array([0, 0, 1, 1]), 2)  # one bag: two images of each of two frames
    network = Attention(1, 2, 2, SETTING)
    network.output.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    logits, weights = network.look(stack)
    np.testing.assert_allclose(weights, 0.5)  # before training every image has the same weight
    np.testing.assert_allclose(logits, [[2.0, 15.0]])


def test_one_step_of_training_is_that_of_adam_on_the_balanced_cross_entropy():
    rng = np.random.default_rng(0)
    stack, classes = (
        Stack(rng.normal(size=(6, 2)).astype(np.float32), np.array([0, 0, 1, 1, 2, 2]), 1),
        np.array([0, 1, 1]),
    )
    network, _ = train(stack, classes, 2, SETTING, None, 1)
    # Nothing is known yet: logits are 0, scores one half. Classes weigh 3 / (2 x 1) and 3 / (2 x 2).
    means, worth = stack.rows.reshape(3, 2, 2).mean(axis=1), np.array([1.5, 0.75, 0.75])
    error = 0.5 - np.eye(2)[classes]
    gradient = (worth[:, None] * error).T @ means / 3
    np.testing.assert_allclose(network.output.detach(), -0.05 * np.sign(gradient), atol=1e-5)  # Adam's first step


def test_training_ends_after_patience_at_the_epoch_of_the_smallest_loss():
    rng = np.random.default_rng(3)
    stack = Stack(rng.normal(size=(20, 8)).astype(np.float32), np.arange(20), 1)
    classes = rng.integers(2, size=20)
    setting = Setting(4, False, 0.3, 0.0, 100, 4, 0)
    wrong = (stack, 1 - classes)  # what is learned only makes these worse
    _, best = train(stack, classes, 2, setting, wrong, 100)
    assert best == 1
    _, best = train(stack, classes, 2, setting, (stack, classes), 30)
    assert best == 30  # it only gets better


def test_finds_the_image_that_decides():
    bags, X, y, marked = cohort(n=80, images=(10, 20))
    train_rows, test_rows = np.arange(50), np.arange(50, 80)
    model = AttentionMIL(bags, width=8, learning_rate=0.03, weight_decay=0.001, keep=1.0, random_state=0)
    model.fit(X[train_rows], y[train_rows])
    assert (model.predict(X[test_rows]) == y[test_rows]).mean() > 0.85
    weights = model.attention(X[test_rows])
    at = 0
    hits = []
    for number in test_rows:
        rows = bags.of(number)
        own = weights[at : at + len(rows)]
        np.testing.assert_allclose(own.sum(), 1.0, atol=1e-5)
        at += len(rows)
        if y[number]:
            hits.append(rows[own.argmax()] == marked[number])
    assert at == len(weights)
    assert np.mean(hits) > 0.8


@pytest.mark.parametrize("gated", [False, True])
def test_the_same_data_give_the_same_bits_and_the_order_of_test_bags_does_not_count(gated):
    bags, X, y, _ = cohort()
    known = {"gated": gated, "epochs": 20, "random_state": 5}
    once, again = (AttentionMIL(bags, **known).fit(X, y) for _ in range(2))
    assert np.array_equal(once.predict_proba(X), again.predict_proba(X))
    np.testing.assert_allclose(once.predict_proba(X[::-1]), once.predict_proba(X)[::-1], atol=1e-5)
    other = AttentionMIL(bags, **{**known, "random_state": 6}).fit(X, y)
    assert not np.array_equal(once.predict_proba(X), other.predict_proba(X))


def test_test_subjects_change_nothing_in_training():
    bags, X, y, _ = cohort()
    features = bags.features.copy()
    features[np.concatenate([bags.of(number) for number in range(30, 40)])] += 100
    changed = Bags(features, bags.images)
    scores = [
        AttentionMIL(own, epochs=10, random_state=0).fit(X[:30], y[:30]).predict_proba(X[:30])
        for own in (bags, changed)
    ]
    assert np.array_equal(*scores)


def test_candidates_equal_separate_fits():
    bags, X, y, _ = cohort()
    candidates = [{"width": 2, "weight_decay": 0.1}, {"width": 5, "learning_rate": 0.1}]
    base = AttentionMIL(bags, epochs=8, random_state=2)
    found = base.predict_candidates(X[:30], y[:30], X[30:], candidates)
    for predicted, candidate in zip(found, candidates, strict=True):
        alone = clone(base).set_params(**candidate).fit(X[:30], y[:30])
        assert np.array_equal(predicted, alone.predict(X[30:]))


def test_two_subjects_of_each_class_are_enough_and_one_trains_without_looking():
    bags, X, y, _ = cohort(n=4)
    assert AttentionMIL(bags, random_state=0).fit(X, y).predict_proba(X).shape == (4, 2)
    assert AttentionMIL(bags, random_state=0).fit(X[:2], y[:2]).epochs_ == 50


def test_options_reach_the_grid():
    options = {
        "width": [8, 2],
        "learning_rate": [0.1],
        "weight_decay": [0.001, 1],
        "gated": True,
        "pca": 5,
        "epochs": 9,
    }
    pipeline, grid = build_classifier("mil", options, seed=4)
    assert grid == [
        {"classifier__width": [2, 8], "classifier__learning_rate": [0.1], "classifier__weight_decay": [1, 0.001]}
    ]
    found = pipeline[-1].get_params()
    assert (found["gated"], found["keep"], found["epochs"], found["random_state"]) == (True, 5, 9, 4)


def test_bags_of_a_cohort():
    table = pd.DataFrame({"subject_id": ["b", "a", "b", "a"], "frame": ["ES", "ED", "ED", "ES"]})
    bags, names = bags_of(np.arange(8.0).reshape(4, 2), table)
    assert (names, len(bags), bags.n_frames, bags.single) == (["b", "a"], 2, 2, True)
    assert bags.of(0).tolist() == [2, 0]  # ED before ES
    stack = bags.stack(np.array([1, 0]))
    np.testing.assert_array_equal(stack.rows, [[2, 3], [6, 7], [4, 5], [0, 1]])
    assert (stack.parts.tolist(), stack.n_bags) == ([0, 1, 2, 3], 2)
    assert copy.deepcopy(bags) is bags
    with pytest.raises(CohortError, match="subject a: has no images of frame ES"):
        bags_of(np.zeros((3, 2)), table.iloc[:3])
    with pytest.raises(CohortError, match="2 rows of features for 4 images"):
        bags_of(np.zeros((2, 2)), table)
