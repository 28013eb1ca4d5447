import numpy as np
import pytest

from sixgig.statistics.decision_curve import THRESHOLDS, net_benefit, treat_all


def test_net_benefit_counts_true_positives_less_weighed_false_ones():
    """At 0.2 a false positive costs a quarter of a true one: (3 - 2 / 4) / 10."""
    probability = np.array([0.9, 0.5, 0.3, 0.1, 0.6, 0.25, 0.1, 0.1, 0.1, 0.1])
    positive = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    found = net_benefit(probability, positive, 0.4)
    assert found[THRESHOLDS == 0.2] == pytest.approx([(3 - 2 / 4) / 10])


def test_treating_all_is_worth_nothing_at_the_prevalence():
    assert treat_all(0.3)[THRESHOLDS == 0.3] == pytest.approx([0.0], abs=1e-12)
    assert np.array_equal(net_benefit(np.ones(5), np.arange(5) < 2, 0.3), treat_all(0.3))


def test_a_perfect_method_is_worth_the_prevalence_everywhere():
    positive = np.arange(10) < 3
    assert net_benefit(positive.astype(float), positive, 0.3) == pytest.approx(np.full(99, 0.3))
