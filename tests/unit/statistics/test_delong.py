import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sixgig.statistics.delong import delong_test, placements

#: Albumin, total protein, Krebs-Goplerud score and outcome (1: the operation did not help) of the 43 patients with
#: ovarian cancer of DeLong, DeLong and Clarke-Pearson (1988, section 3) whose three tests are complete, as published
#: with the example of SAS/STAT's PROC LOGISTIC on comparing ROC curves.
PATIENTS = np.array([
    (3.0, 5.8, 10, 0), (3.2, 6.3, 5, 1), (3.9, 6.8, 3, 1), (2.8, 4.8, 6, 0), (3.2, 5.8, 3, 1), (0.9, 4.0, 5, 0),
    (2.5, 5.7, 8, 0), (1.6, 5.6, 5, 1), (3.8, 5.7, 5, 1), (3.7, 6.7, 6, 1), (3.2, 5.4, 4, 1), (3.8, 6.6, 6, 1),
    (4.1, 6.6, 5, 1), (3.6, 5.7, 5, 1), (4.3, 7.0, 4, 1), (3.6, 6.7, 4, 0), (2.3, 4.4, 6, 1), (4.2, 7.6, 4, 0),
    (4.0, 6.6, 6, 0), (3.5, 5.8, 6, 1), (3.8, 6.8, 7, 1), (3.0, 4.7, 8, 0), (4.5, 7.4, 5, 1), (3.7, 7.4, 5, 1),
    (3.1, 6.6, 6, 1), (4.1, 8.2, 6, 1), (4.3, 7.0, 5, 1), (4.3, 6.5, 4, 1), (3.2, 5.1, 5, 1), (2.6, 4.7, 6, 1),
    (3.3, 6.8, 6, 0), (1.7, 4.0, 7, 0), (3.7, 6.1, 5, 1), (3.3, 6.3, 7, 1), (4.2, 7.7, 6, 1), (3.5, 6.2, 5, 1),
    (2.9, 5.7, 9, 0), (2.1, 4.8, 7, 1), (2.8, 6.2, 8, 0), (4.0, 7.0, 7, 1), (3.3, 5.7, 6, 1), (3.7, 6.9, 5, 1),
    (3.6, 6.6, 5, 1),
])  # fmt: skip


def by_definition(a, b, positive):
    """Difference of the areas and its standard error from every pair of subjects, as the paper defines them."""
    components = []
    for scores in (a, b):
        above = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
        components.append((above.mean(axis=1), above.mean(axis=0)))
    (positive_a, negative_a), (positive_b, negative_b) = components
    covariance = np.cov(positive_a, positive_b) / len(positive_a) + np.cov(negative_a, negative_b) / len(negative_a)
    contrast = np.array([1, -1])
    return positive_a.mean() - positive_b.mean(), np.sqrt(contrast @ covariance @ contrast)


@pytest.mark.parametrize(
    ("column", "auc", "difference", "error", "chi_square"),
    [(0, 0.7366, 0.0108, 0.0953, 0.0127), (1, 0.6478, -0.0780, 0.1046, 0.5554)],
    ids=["albumin", "total protein"],
)
def test_the_patients_of_the_paper(column, auc, difference, error, chi_square):
    """Against the Krebs-Goplerud score, for which a low value is the better prognosis."""
    scores, score, positive = PATIENTS[:, column], 10 - PATIENTS[:, 2], PATIENTS[:, 3] == 1
    test = delong_test(scores, score, positive)
    assert (test.auc_a, test.auc_b) == pytest.approx((auc, 0.7258), abs=5e-5)
    assert test.difference == pytest.approx(difference, abs=5e-5)
    assert test.difference / test.z == pytest.approx(error, abs=5e-5)
    assert test.z**2 == pytest.approx(chi_square, abs=5e-5)
    assert by_definition(scores, score, positive) == pytest.approx((test.difference, test.difference / test.z))


@pytest.mark.parametrize("decimals", [1, 8])  # with many ties, and without any
@pytest.mark.parametrize("n_positive", [2, 30])
def test_agrees_with_all_pairs(decimals, n_positive):
    generator = np.random.default_rng(n_positive)
    positive = np.arange(60) < n_positive
    a = (generator.normal(size=60) + positive).round(decimals)
    b = (0.5 * a + generator.normal(size=60)).round(decimals)
    test = delong_test(a, b, positive)
    difference, error = by_definition(a, b, positive)
    assert (test.auc_a, test.auc_b) == pytest.approx((roc_auc_score(positive, a), roc_auc_score(positive, b)))
    assert (test.difference, test.z) == pytest.approx((difference, difference / error))
    assert (test.ci_low, test.ci_high) == pytest.approx(
        (difference - 1.959964 * error, difference + 1.959964 * error), abs=1e-7
    )


def test_placements_average_to_the_area():
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    of_positive, of_negative = placements(scores, positive)
    assert of_positive.tolist() == [0.75, 1.0]
    assert of_negative.tolist() == [1.0, 0.75]


def test_keeps_its_level_when_two_methods_rank_equally_well():
    generator = np.random.default_rng(5)
    positive = np.arange(80) < 40
    truth = generator.normal(size=(1000, 80)) + positive
    noise = generator.normal(size=(2, 1000, 80))
    rejected = np.mean(
        [delong_test(t + a, t + b, positive).p_value < 0.05 for t, a, b in zip(truth, *noise, strict=True)]
    )
    assert 0.025 < rejected < 0.08


def test_equal_scores_are_equal():
    scores, positive = np.array([0.2, 0.3, 0.6, 0.9]), np.array([False, True, False, True])
    test = delong_test(scores, 2 * scores, positive)  # the same ranks
    assert (test.difference, test.ci_low, test.ci_high, test.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert np.isnan(test.z)


def test_a_perfect_method_beside_constant_scores_is_not_testable():
    positive = np.array([False, False, True, True])
    test = delong_test(positive.astype(float), np.full(4, 0.5), positive)
    assert (test.auc_a, test.auc_b, test.difference) == (1.0, 0.5, 0.5)
    assert np.isnan([test.z, test.p_value, test.ci_low, test.ci_high]).all()


@pytest.mark.parametrize(
    ("positive", "message"),
    [([True, False, False, False], "two subjects of each class"), ([True, False], "each of the same subjects")],
)
def test_too_few_subjects_are_refused(positive, message):
    with pytest.raises(ValueError, match=message):
        delong_test(np.arange(4.0), np.arange(4.0), np.array(positive))
