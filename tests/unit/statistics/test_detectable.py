import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from sixgig.statistics.detectable import detectable_difference, power
from sixgig.statistics.resampled import corrected_resampled_t_test


@pytest.mark.parametrize(("df", "noncentrality"), [(9, 0.5), (14, 2.0), (49, 3.5), (9, 3.5)])
def test_power_is_that_of_scipys_noncentral_t(df, noncentrality):
    critical = stats.t.isf(0.025, df)
    expected = stats.nct.sf(critical, df, noncentrality) + stats.nct.cdf(-critical, df, noncentrality)
    assert power(noncentrality, df, 0.05) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("df", [1, 3, 14])
def test_without_a_difference_power_is_the_level(df):
    assert power(0.0, df, 0.05) == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize("n", [10, 15, 50])
def test_detectable_difference_is_that_of_statsmodels(n):
    """Its effect size is a difference over the deviation of single values: times sqrt(n) over the mean's error."""
    effect = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    assert detectable_difference(0.03, n - 1, 0.05) == pytest.approx(0.03 * effect * np.sqrt(n), rel=1e-3)


def test_found_four_times_in_five_on_correlated_folds():
    """Three repeats of five folds whose differences correlate by n_test/n, with a true difference of that size."""
    generator = np.random.default_rng(3)
    n, correlation, studies = 15, 0.2, 3000
    # The variance within a study estimates 1 - correlation.
    true = detectable_difference(np.sqrt((1 - correlation) * (1 / n + 0.25)), n - 1, 0.05)
    shared = generator.normal(size=(studies, 1)) * np.sqrt(correlation)
    differences = true + shared + generator.normal(size=(studies, n)) * np.sqrt(1 - correlation)
    found = np.mean([corrected_resampled_t_test(row, 0.25).p_value < 0.05 for row in differences])
    assert found == pytest.approx(0.8, abs=0.03)


def test_more_comparisons_hide_larger_differences():
    sizes = [detectable_difference(0.02, 14, 0.05, comparisons) for comparisons in (1, 10, 78)]
    assert sizes == sorted(sizes)
    assert sizes[0] == pytest.approx(0.02 * 3.0133, rel=1e-3)


@pytest.mark.parametrize(("df", "comparisons"), [(1, 1), (1, 1000), (2, 78), (3, 1)])
def test_few_folds_have_an_answer_too(df, comparisons):
    size = detectable_difference(1.0, df, 0.05, comparisons)
    assert power(size, df, 0.05 / comparisons) == pytest.approx(0.8, abs=1e-3)


def test_without_an_error_nothing_is_said():
    assert np.isnan(detectable_difference(0.0, 14, 0.05))
