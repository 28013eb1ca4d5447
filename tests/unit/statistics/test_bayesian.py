import baycomp
import numpy as np
import pytest

from sixgig.statistics.bayesian import correlated_t_posterior
from sixgig.statistics.resampled import corrected_resampled_t_test


@pytest.mark.parametrize(("folds", "repeats", "half_width"), [(5, 1, 0.01), (5, 3, 0.05), (10, 10, 0.01)])
def test_agrees_with_baycomp(folds, repeats, half_width):
    generator = np.random.default_rng(folds * repeats)
    scores = 0.8 + 0.04 * generator.normal(size=(2, folds * repeats))
    found = correlated_t_posterior(scores[0] - scores[1], 1 / (folds - 1), half_width)
    # baycomp reads the second minus the first.
    expected = baycomp.CorrelatedTTest.probs(scores[1], scores[0], rope=half_width, runs=repeats)
    assert found == pytest.approx(expected, abs=1e-12)
    assert sum(found) == pytest.approx(1)


def test_without_a_region_it_mirrors_the_corrected_test():
    """Under a flat prior the smaller tail is half of the two-sided p value."""
    differences = np.random.default_rng(1).normal(0.02, 0.05, 15)
    found = correlated_t_posterior(differences, 0.25, 0.0)
    assert found.within == pytest.approx(0, abs=1e-15)
    assert 2 * min(found.below, found.above) == pytest.approx(corrected_resampled_t_test(differences, 0.25).p_value)


def test_a_small_spread_around_nothing_is_equivalence():
    differences = np.tile([0.001, -0.001, 0.0], 5)
    assert correlated_t_posterior(differences, 0.25, 0.01).within > 0.999


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_equal_differences_have_no_posterior(value):
    assert np.isnan(correlated_t_posterior(np.full(15, value), 0.25, 0.01)).all()


def test_wrong_regions_are_refused():
    with pytest.raises(ValueError, match="half width of at least zero, got -0.1"):
        correlated_t_posterior(np.array([0.1, 0.2]), 0.25, -0.1)
