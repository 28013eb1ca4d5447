import autorank
import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from sixgig.statistics.friedman import (
    WANTED_POWER,
    cohorts_for_power,
    friedman_test,
    iman_davenport,
    power,
    wilcoxon_test,
)
from tests.unit.statistics.demsar import AVERAGE_RANKS, RANKS, SCORES


def test_demsar_2006_by_the_published_numbers():
    """Section 3.2.2: chi2 = 9.28 and F = 3.69 from the average ranks, which is without correction for ties."""
    chi2 = 12 * 14 / (4 * 5) * ((AVERAGE_RANKS**2).sum() - 4 * 25 / 4)
    assert chi2 == pytest.approx(9.28, abs=5e-3)
    assert iman_davenport(chi2, 4, 14) == pytest.approx(3.69, abs=5e-3)


def test_correction_for_ties_by_hand():
    """chi2 over 1 - sum(t^3 - t) / (N (k^3 - k)), with the ties of table 6: one of four methods, four of two."""
    found = friedman_test(SCORES)
    ties = sum(size**3 - size for row in RANKS for size in np.unique(row, return_counts=True)[1])
    assert ties == 60 + 3 * 6
    without = 12 * 14 / 20 * ((AVERAGE_RANKS**2).sum() - 25)
    assert found.chi2 == pytest.approx(without / (1 - ties / (14 * 60)))
    assert found.f == pytest.approx(iman_davenport(found.chi2, 4, 14))
    assert (found.df_methods, found.df_error) == (3, 39)
    assert found.kendall_w == pytest.approx(found.chi2 / 42)
    assert 0.005 < found.p_value < 0.02


def test_f_is_the_analysis_of_variance_of_the_ranks():
    """Conover 1999, section 5.8: with or without ties, F is that of a two-way layout of the ranks."""
    centred = RANKS - RANKS.mean()
    methods = 14 * ((AVERAGE_RANKS - 2.5) ** 2).sum()
    rest = (centred**2).sum() - methods
    assert friedman_test(SCORES).f == pytest.approx((methods / 3) / (rest / 39))


@pytest.mark.parametrize(("scores", "p_value"), [([3.0, 2.0, 1.0], 6.0**-4), ([3.0, 1.0, 1.0], 3.0**-4)])
def test_the_same_ranking_everywhere_has_an_exact_p_value(scores, p_value):
    found = friedman_test(np.array([scores] * 5))
    assert found.f == float("inf")
    assert found.kendall_w == pytest.approx(1.0)
    assert found.p_value == pytest.approx(p_value)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.ones((5, 2)), "three methods and two cohorts, got 2 and 5"),
        (np.ones((1, 3)), "three methods and two cohorts, got 3 and 1"),
        (np.ones((5, 3)), "not defined when all methods are equal"),
    ],
)
def test_where_the_test_is_not_defined(scores, words):
    with pytest.raises(ValueError, match=words):
        friedman_test(scores)


def test_ranks_and_decision_agree_with_autorank():
    """autorank reports Friedman's chi2 p value; F is less conservative, so it finds whatever chi2 finds."""
    rng = np.random.default_rng(1)
    scores = rng.normal([0, 0, 0.4, 2.0], 1, size=(12, 4))
    result = autorank.autorank(pd.DataFrame(scores), alpha=0.05, force_mode="nonparametric")
    assert result.omnibus == "friedman"
    assert result.pvalue < 0.05
    found = friedman_test(scores)
    assert found.p_value < result.pvalue
    ranks = result.rankdf["meanrank"].sort_index()
    expected = (-scores).argsort(axis=1).argsort(axis=1).mean(axis=0) + 1
    assert ranks.to_numpy() == pytest.approx(expected)


def test_wilcoxon_is_exact_for_few_cohorts():
    a = np.array([0.80, 0.71, 0.63, 0.90, 0.55, 0.61])
    b = a - [0.01, 0.02, -0.03, 0.04, 0.05, 0.06]
    assert wilcoxon_test(np.column_stack([a, b])) == pytest.approx(wilcoxon(a, b, method="exact").pvalue)
    five = np.column_stack([a, a - [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]])[:5]
    assert wilcoxon_test(five) == pytest.approx(2 / 2**5)  # the smallest there is: no verdict at 0.05 with five


def test_wilcoxon_with_ties_and_zeros_goes_through_all_signs():
    """Differences 0, 1, 1, 2, 3: ranks 1, 2.5, 2.5, 4, 5; 2 of the 16 signs of the others are as far out."""
    scores = np.column_stack([[0.0, 1.0, 1.0, 2.0, 3.0], np.zeros(5)])
    assert wilcoxon_test(scores) == pytest.approx(2 / 16)


def test_wilcoxon_of_equal_methods_is_not_defined():
    with pytest.raises(ValueError, match="not defined when both methods are equal"):
        wilcoxon_test(np.ones((6, 2)))


@pytest.mark.parametrize(("n_methods", "n_cohorts"), [(3, 8), (10, 5), (10, 12), (2, 12)])
def test_power_without_a_difference_is_the_level(n_methods, n_cohorts):
    """Standard error of 4,000 simulations: 0.0035. Wilcoxon's test is discrete and stays below the level."""
    found = power(n_methods, n_cohorts, shift=0)
    assert found <= 0.07
    assert found >= 0.02


def test_power_grows_with_cohorts_and_difference_and_is_the_same_every_time():
    assert power(6, 5) < power(6, 12) < power(6, 30)
    assert power(6, 8, shift=0.5) < power(6, 8, shift=2.0)
    assert power(6, 8, seed=3) == power(6, 8, seed=3)
    assert power(6, 200, shift=2.0) == 1.0


def test_power_agrees_with_the_tests_themselves():
    rng = np.random.default_rng([0, 4, 6])
    scores = rng.standard_normal((300, 6, 4))
    scores[:, :, 0] += 1.5
    found = np.mean([friedman_test(block).p_value < 0.05 for block in scores])
    assert power(4, 6, shift=1.5, n_simulations=300) == found
    rng = np.random.default_rng([0, 2, 7])
    pairs = rng.standard_normal((60, 7, 2))
    pairs[:, :, 0] += 1.5
    found = np.mean([wilcoxon_test(block) < 0.05 for block in pairs])
    assert power(2, 7, shift=1.5, n_simulations=60) == found


def test_two_methods_on_five_cohorts_have_no_power_at_all():
    assert power(2, 5, shift=100) == 0.0


def test_cohorts_for_power_is_the_least_number():
    number = cohorts_for_power(5, least=5)
    assert power(5, number) >= WANTED_POWER > power(5, number - 1)
    assert cohorts_for_power(5, least=5, shift=50) == 5
    assert cohorts_for_power(5, least=5, shift=0.01) is None
