import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from sixgig.evaluation.recalibration import at_prevalence, calibration_line, held_out_probabilities


def draw(slope, intercept, n=4000, seed=0):
    """Subjects whose true logit is intercept + slope x that of the probability."""
    rng = np.random.default_rng(seed)
    probability = expit(rng.normal(-1, 1.5, size=n))
    return probability, rng.random(n) < expit(intercept + slope * logit(probability))


def test_slope_and_intercept_are_those_of_logistic_regression():
    probability, positive = draw(0.5, -1.0)
    found = calibration_line(probability, positive, np.arange(4000))
    assert found.slope[0] == pytest.approx(
        LogisticRegression(C=np.inf, tol=1e-9).fit(logit(probability)[:, None], positive).coef_[0, 0], abs=1e-3
    )
    assert found.slope[1] < 0.5 < found.slope[2]
    offset = found.intercept[0]  # with the slope held at 1, the probabilities come as often as they say on average
    assert expit(logit(probability) + offset).mean() == pytest.approx(positive.mean(), abs=1e-6)


def test_perfect_probabilities_have_slope_one_and_intercept_zero():
    found = calibration_line(*draw(1.0, 0.0), np.arange(4000))
    assert found.slope[1] < 1 < found.slope[2]
    assert found.intercept[1] < 0 < found.intercept[2]


def test_repeats_of_a_subject_are_no_further_subjects():
    probability, positive = draw(0.7, 0.3, n=300)
    once = calibration_line(probability, positive, np.arange(300))
    thrice = calibration_line(np.tile(probability, 3), np.tile(positive, 3), np.tile(np.arange(300), 3))
    assert thrice.slope == pytest.approx(once.slope, rel=1e-3)
    assert thrice.intercept == pytest.approx(once.intercept, rel=1e-3, abs=1e-3)


def test_what_is_not_determined_is_not_said():
    positive = np.arange(40) % 2 == 0
    perfect = calibration_line(np.where(positive, 0.9, 0.1), positive, np.arange(40))
    constant = calibration_line(np.full(40, 0.3), positive, np.arange(40))
    assert np.isnan([*perfect.slope, *constant.slope]).all()
    assert constant.intercept[0] == pytest.approx(logit(0.5) - logit(0.3))


def test_scores_become_probabilities_on_other_folds():
    """Scores that promise a rare class half of the time come true after recalibration, and rank as before."""
    rng = np.random.default_rng(3)
    n = 2000
    positive = rng.random(n) < 0.1
    scores = expit(rng.normal(size=n) + 2 * positive)
    repeats, folds = np.zeros(n, dtype=int), np.arange(n) % 5
    found = held_out_probabilities(scores, positive, repeats, folds)
    assert found.mean() == pytest.approx(positive.mean(), abs=0.005)
    line = calibration_line(found, positive, np.arange(n))
    assert line.slope[0] == pytest.approx(1, abs=0.1)
    own = folds == 2
    assert np.array_equal(np.argsort(found[own]), np.argsort(scores[own]))


def test_a_probability_moves_with_the_prevalence():
    """A likelihood ratio of 9: from a prevalence of 0.5 to one of 0.1."""
    assert at_prevalence(np.array([0.9]), 0.5, 0.1) == pytest.approx([0.5])
