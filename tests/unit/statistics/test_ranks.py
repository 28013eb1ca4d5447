import numpy as np
import pytest
import scikit_posthocs
from scipy.stats import rankdata

from sixgig.statistics.ranks import (
    group_numbers,
    indistinct_groups,
    nemenyi_critical_difference,
    place_among,
    rank_methods,
)
from tests.unit.statistics.demsar import AVERAGE_RANKS, RANKS, SCORES


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_rank_one_is_the_best_in_either_direction(higher_is_better):
    scores = np.array([[0.9, 0.5, 0.7], [0.6, 0.6, 0.1]])
    expected = [[1, 3, 2], [1.5, 1.5, 3]] if higher_is_better else [[3, 1, 2], [2.5, 2.5, 1]]
    assert rank_methods(scores, higher_is_better).tolist() == expected


def test_average_ranks_of_demsar_2006_table_6():
    assert rank_methods(SCORES, True).tolist() == RANKS.tolist()
    np.testing.assert_allclose(AVERAGE_RANKS, [3.143, 2.000, 2.893, 1.964], atol=5e-4)


@pytest.mark.parametrize(
    ("n_methods", "n_cohorts", "alpha", "expected"),
    [
        (4, 14, 0.05, 1.25),  # Demsar 2006, section 3.2.4
        (4, 14, 0.10, 1.12),  # the same
        (10, 3, 0.05, 7.82),  # of a possible 9
        (2, 6, 0.05, 1.960 * np.sqrt(6 / 36)),  # Demsar 2006, table 5: q is 1.960 for two classifiers
        (10, 6, 0.05, 3.164 * np.sqrt(110 / 36)),  # and 3.164 for ten
    ],
)
def test_critical_difference(n_methods, n_cohorts, alpha, expected):
    assert nemenyi_critical_difference(n_methods, n_cohorts, alpha) == pytest.approx(expected, abs=6e-3)


def test_critical_difference_is_where_the_p_value_of_scikit_posthocs_crosses_the_level():
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(SCORES).to_numpy()
    differences = np.abs(AVERAGE_RANKS[:, None] - AVERAGE_RANKS)
    for alpha in (0.05, 0.10, 0.2, 0.5):
        told_apart = differences >= nemenyi_critical_difference(4, 14, alpha)
        assert (told_apart == (p_values < alpha)).all()


@pytest.mark.parametrize(("n_methods", "n_cohorts"), [(1, 5), (3, 0)])
def test_critical_difference_needs_two_methods_and_a_cohort(n_methods, n_cohorts):
    with pytest.raises(ValueError, match=f"needs two methods and a cohort, got {n_methods} and {n_cohorts}"):
        nemenyi_critical_difference(n_methods, n_cohorts)


def test_groups_of_demsar_2006():
    """At 0.05 nothing is told apart; at 0.10 C4.5 from C4.5+m and C4.5+m+cf, while C4.5+cf belongs to either group."""
    assert indistinct_groups(AVERAGE_RANKS, nemenyi_critical_difference(4, 14, 0.05)) == [[3, 1, 2, 0]]
    assert indistinct_groups(AVERAGE_RANKS, nemenyi_critical_difference(4, 14, 0.10)) == [[3, 1, 2], [2, 0]]


@pytest.mark.parametrize(
    ("ranks", "critical", "groups"),
    [
        ([1.0, 2.0, 3.0], 0.5, [[0], [1], [2]]),
        ([1.0, 2.0, 3.0], 1.0, [[0], [1], [2]]),  # a difference equal to the critical one tells apart
        ([1.0, 2.0, 3.0], 1.1, [[0, 1], [1, 2]]),
        ([3.0, 1.0, 2.0], 9.0, [[1, 2, 0]]),
        ([2.0, 2.0, 2.0], 0.1, [[0, 1, 2]]),
        ([1.0, 1.5, 4.0, 4.4, 4.8], 0.6, [[0, 1], [2, 3], [3, 4]]),
        ([1.0, 1.1, 1.2, 1.3, 5.0], 1.0, [[0, 1, 2, 3], [4]]),  # no bar inside another (scikit-posthocs issue 82)
    ],
)
def test_groups_are_maximal(ranks, critical, groups):
    assert indistinct_groups(np.array(ranks), critical) == groups


def test_groups_by_definition():
    """Two methods share a group if and only if the critical difference does not tell them apart."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        ranks = rankdata(rng.integers(0, 9, size=(6, 7)), axis=1).mean(axis=0)
        groups = indistinct_groups(ranks, 1.4)
        together = np.array([[any({i, j} <= set(group) for group in groups) for j in range(7)] for i in range(7)])
        assert (together == (np.abs(ranks[:, None] - ranks) < 1.4)).all()
        assert not any(set(a) < set(b) for a in groups for b in groups)


def test_numbers_of_groups():
    assert group_numbers([[3, 1, 2], [2, 0]], 4) == ["2", "1", "1 2", "1"]


@pytest.mark.parametrize(("higher_is_better", "expected"), [(True, [1.0, 2.5, 4.0]), (False, [4.0, 2.5, 1.0])])
def test_place_of_a_control(higher_is_better, expected):
    others = np.array([[0.5, 0.6, 0.7]] * 3)
    assert place_among(np.array([0.8, 0.6, 0.1]), others, higher_is_better).tolist() == expected
