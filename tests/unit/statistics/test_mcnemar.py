import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from sixgig.statistics.mcnemar import exact_mcnemar


def subjects(both, only_a, only_b, neither):
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return a, b


def test_worked_by_hand():
    # Six subjects tell the methods apart, five of them for a: 2 * (C(6,5) + C(6,6)) / 2^6 = 14/64.
    test = exact_mcnemar(*subjects(20, 5, 1, 4))
    assert (test.both, test.only_a, test.only_b, test.neither) == (20, 5, 1, 4)
    assert test.p_value == pytest.approx(14 / 64)


@pytest.mark.parametrize("counts", [(3, 12, 2, 9), (0, 1, 1, 0), (50, 0, 8, 2), (5, 7, 7, 1)])
def test_agrees_with_statsmodels(counts):
    both, only_a, only_b, neither = counts
    expected = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert exact_mcnemar(*subjects(*counts)).p_value == pytest.approx(expected)


def test_no_subject_tells_them_apart():
    assert exact_mcnemar(*subjects(9, 0, 0, 3)).p_value == 1.0


def test_subjects_must_be_paired():
    with pytest.raises(ValueError, match=r"pairs subjects, got shapes \(3,\) and \(2,\)"):
        exact_mcnemar(np.ones(3, bool), np.ones(2, bool))
