from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from sixgig.statistics.predictive_values import predictive_values


def test_bayes_theorem():
    """A test with 90% sensitivity and 80% specificity, at 10%: 9 of 27 positives are true, 72 of 73 negatives."""
    ppv, npv = predictive_values(0.9, 0.8, 50, 100, 0.1)
    assert (ppv.estimate, npv.estimate) == pytest.approx((9 / 27, 72 / 73))
    assert ppv.low < ppv.estimate < ppv.high


def test_at_the_prevalence_of_the_sample_they_are_shares_of_those_called_positive():
    ppv, npv = predictive_values(8 / 10, 70 / 90, 10, 90, 0.1)
    assert (ppv.estimate, npv.estimate) == pytest.approx((8 / 28, 70 / 72))


def test_no_errors_still_have_an_interval():
    ppv, npv = predictive_values(1.0, 1.0, 10, 30, 0.3)
    assert (ppv.estimate, ppv.high, npv.estimate, npv.high) == (1, 1, 1, 1)
    assert ppv.low < 0.9
    assert npv.low < 1


def test_nobody_called_positive_has_no_predictive_value():
    assert np.isnan(predictive_values(0.0, 1.0, 10, 30, 0.3)[0]).all()


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.6, 0.6), (0.8, 0.9), (0.95, 0.7), (0.9, 0.97)])
def test_intervals_cover(sensitivity, specificity):
    """Exact coverage over all counts of 15 positive and 40 negative subjects, at a prevalence of 0.1."""
    n1, n0 = 15, 40
    true_ppv, true_npv = (value.estimate for value in predictive_values(sensitivity, specificity, n1, n0, 0.1))
    covered = np.zeros(2)
    for x1, x0 in product(range(n1 + 1), range(n0 + 1)):
        weight = binom.pmf(x1, n1, sensitivity) * binom.pmf(x0, n0, specificity)
        ppv, npv = predictive_values(x1 / n1, x0 / n0, n1, n0, 0.1)
        covered += weight * np.array([ppv.low <= true_ppv <= ppv.high, npv.low <= true_npv <= npv.high])
    assert (covered > 0.93).all()
    assert (covered < 0.98).all()
