"""The paired bootstrap of test subjects, against Welch's t-test of SciPy where the two are the same."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sixgig.evaluation.paired_bootstrap import paired_difference, resample_metric


def predictions(right, labels, images=None):
    """Two classes x and y; what is not right is the other class."""
    other = {"x": "y", "y": "x"}
    predicted = [label if good else other[label] for good, label in zip(right, labels, strict=True)]
    score = np.array([0.9 if name == "y" else 0.1 for name in predicted])
    names = [f"s{place:03d}" for place in range(len(labels))] if images is None else images
    rows = {"subject_id": names, "repeat": 0, "fold": 0, "label": labels, "predicted": predicted}
    if images is not None:
        rows["image_id"] = [f"i{place:03d}" for place in range(len(labels))]
    return pd.DataFrame(rows | {"score_x": 1 - score, "score_y": score})


def difference(a, b, labels, metric="balanced_accuracy", images=None, n_resamples=10000):
    found = [
        resample_metric(predictions(right, labels, images), metric, n_resamples=n_resamples, seed=3) for right in (a, b)
    ]
    return paired_difference(*found)


def test_balanced_accuracy_of_two_classes_is_welchs_test():
    rng = np.random.default_rng(0)
    labels = np.repeat(["x", "y"], [14, 46])
    a, b = rng.random(60) < 0.8, rng.random(60) < 0.6
    own = a.astype(float) - b
    of_x, of_y = own[labels == "x"], own[labels == "y"]
    welch = stats.ttest_ind(of_y, -of_x, equal_var=False)
    found = difference(a, b, labels)
    assert found.difference == pytest.approx((of_x.mean() + of_y.mean()) / 2)
    assert found.df == pytest.approx(welch.df)
    assert found.p_value == pytest.approx(welch.pvalue, rel=0.1)
    # The interval of Welch's test is that of the sum of both means.
    interval = welch.confidence_interval(0.9)
    assert found.interval(0.9) == pytest.approx((interval.low / 2, interval.high / 2), abs=0.004)


def test_images_of_a_subject_are_drawn_together():
    """Thirty subjects with four equal images each say what thirty subjects say."""
    rng = np.random.default_rng(1)
    labels = np.repeat(["x", "y"], 15)
    a, b = rng.random(30) < 0.9, rng.random(30) < 0.6
    alone = difference(a, b, labels)
    names = np.repeat([f"p{place:02d}" for place in range(30)], 4)
    together = difference(np.repeat(a, 4), np.repeat(b, 4), np.repeat(labels, 4), images=names)
    assert together.standard_error == pytest.approx(alone.standard_error, rel=0.01)
    assert together.p_value == pytest.approx(alone.p_value, rel=0.05)


def test_equal_methods_do_not_differ_and_a_constant_difference_cannot_be_tested():
    labels = np.repeat(["x", "y"], 10)
    right = np.arange(20) % 3 > 0
    assert difference(right, right, labels, n_resamples=100).p_value == 1.0
    constant = difference(np.ones(20, bool), np.zeros(20, bool), labels, n_resamples=100)
    assert constant.difference == 1.0
    assert np.isnan(constant.p_value)
    assert np.isnan(constant.interval(0.95)).all()


def test_a_class_of_one_subject_cannot_be_tested():
    labels = np.repeat(["x", "y"], [1, 12])
    found = difference(np.arange(13) % 2 > 0, np.arange(13) % 4 > 0, labels, n_resamples=100)
    assert np.isnan(found.p_value)


def test_false_differences_stay_below_their_level_with_a_small_class():
    """Where percentiles of resamples find 9 to 13%: two equal methods, 5 of 50 subjects in the small class."""
    rng = np.random.default_rng(5)
    labels = np.repeat(["x", "y"], [5, 45])
    found = [difference(rng.random(50) < 0.8, rng.random(50) < 0.8, labels, n_resamples=200) for _ in range(200)]
    assert sum(one.p_value < 0.05 for one in found) <= 17  # the 97.5% point of 200 draws at 5%
