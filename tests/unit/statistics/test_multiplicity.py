import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from sixgig.statistics.multiplicity import decide, holm


def test_holm_worked_by_hand():
    # Ordered 0.01, 0.02, 0.03, 0.04; times 4, 3, 2, 1; none below the one before it.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])


@pytest.mark.parametrize("n", [1, 2, 12, 45])
def test_holm_is_that_of_statsmodels(n):
    p_values = np.random.default_rng(n).uniform(size=n) ** 3
    p_values[n // 2 :] = p_values[: n - n // 2]  # some are equal
    np.testing.assert_array_equal(holm(p_values), multipletests(p_values, method="holm")[1])


def test_undefined_tests_do_not_count():
    np.testing.assert_allclose(holm([np.nan, 0.01, np.nan, 0.02]), [np.nan, 0.02, np.nan, 0.02])
    assert np.isnan(holm([np.nan, np.nan])).all()
    assert len(holm([])) == 0


@pytest.mark.parametrize(
    ("difference", "p_holm", "higher_is_better", "verdict"),
    [
        (0.1, 0.01, True, "a better"),
        (-0.1, 0.01, True, "b better"),
        (0.1, 0.01, False, "b better"),
        (0.1, 0.05, True, "within noise"),
        (0.0, 0.01, True, "within noise"),
        (0.5, float("nan"), True, "not testable"),
    ],
)
def test_verdicts(difference, p_holm, higher_is_better, verdict):
    assert decide(difference, p_holm, 0.05, higher_is_better) == verdict
