import numpy as np
import pytest
from scipy import stats

from sixgig.statistics.multiplicity import holm
from sixgig.statistics.resampled import corrected_mean, corrected_resampled_t_test, least_deviation


def test_worked_by_hand():
    # Differences 1, 2, 3, 4, 5 (%): mean 3, variance 2.5. With 5 folds n_test/n_train = 1/4, so
    # t = 3 / sqrt((1/5 + 1/4) * 2.5) = 3 / sqrt(1.125) = 2.828427; 4 degrees of freedom: p = 0.047421.
    # The 97.5% point of t with 4 degrees of freedom is 2.776445: 3 +- 2.776445 * 1.060660 = 3 +- 2.944864.
    result = corrected_resampled_t_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 0.25)
    assert result.difference == pytest.approx(3.0)
    assert result.t == pytest.approx(2.828427, abs=1e-6)
    assert result.df == 4
    assert result.p_value == pytest.approx(0.047421, abs=1e-6)
    assert (result.ci_low, result.ci_high) == pytest.approx((0.055136, 5.944864), abs=1e-5)
    assert (result.error, result.effect_size) == pytest.approx((np.sqrt(1.125), 3 / np.sqrt(2.5)))


def test_without_the_correction_it_is_the_paired_t_test():
    differences = np.random.default_rng(0).normal(0.1, 1, 15)
    plain = stats.ttest_1samp(differences, 0)
    result = corrected_resampled_t_test(differences, 1e-12)
    assert (result.t, result.p_value) == pytest.approx((plain.statistic, plain.pvalue))
    assert (result.ci_low, result.ci_high) == pytest.approx(tuple(plain.confidence_interval()))
    corrected = corrected_resampled_t_test(differences, 0.25)
    assert corrected.p_value > result.p_value
    assert corrected.ci_low < result.ci_low


def test_keeps_its_level_on_dependent_folds_where_the_plain_test_does_not():
    """Ten repeats of 5 folds, two equally good methods: the differences correlate by n_test/n, here 1/5."""
    generator = np.random.default_rng(1)
    n, correlation, studies = 50, 0.2, 2000
    shared = generator.normal(size=(studies, 1)) * np.sqrt(correlation)
    differences = shared + generator.normal(size=(studies, n)) * np.sqrt(1 - correlation)
    corrected = np.mean([corrected_resampled_t_test(row, 0.25).p_value < 0.05 for row in differences])
    plain = np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05)
    assert 0.03 < corrected < 0.07
    assert plain > 0.4


def test_keeps_its_level_on_real_cross_validation_scores():
    """Two useless predictors, compared on repeated folds of the same few subjects."""
    generator = np.random.default_rng(2)
    rejected = {"corrected": 0, "plain": 0}
    studies, n, folds, repeats = 300, 60, 5, 4
    for _ in range(studies):
        y, X = generator.normal(size=n), generator.normal(size=(n, 2))
        differences = []
        for _ in range(repeats):
            for test in np.array_split(generator.permutation(n), folds):
                train = np.setdiff1d(np.arange(n), test)
                errors = []
                for column in (0, 1):
                    slope, intercept = np.polyfit(X[train, column], y[train], 1)
                    errors.append(np.mean((y[test] - slope * X[test, column] - intercept) ** 2))
                differences.append(errors[0] - errors[1])
        rejected["corrected"] += corrected_resampled_t_test(np.array(differences), 1 / (folds - 1)).p_value < 0.05
        rejected["plain"] += stats.ttest_1samp(differences, 0).pvalue < 0.05
    assert rejected["corrected"] / studies < 0.09
    assert rejected["plain"] / studies > 0.15


def centroid_differences(studies, subjects, signal, folds, repeats, seed, width=5):
    """Accuracy of one nearest-centroid classifier minus another's, [studies, folds * repeats].

    Every study draws its own subjects. The two classifiers see disjoint halves of the features, which tell the classes
    apart equally well: over studies neither is better.
    """
    generator = np.random.default_rng(seed)
    label = np.arange(subjects) % 2
    features = generator.normal(size=(studies, subjects, 2 * width)) + signal * label[:, None]
    differences = []
    for _ in range(repeats):
        fold = np.empty(subjects, dtype=int)
        for of_class in (0, 1):
            members = np.flatnonzero(label == of_class)
            fold[generator.permutation(members)] = np.arange(len(members)) % folds
        for test in range(folds):
            low, high = (features[:, (fold != test) & (label == of_class)].mean(axis=1) for of_class in (0, 1))
            parts = (features[:, fold == test] - (low + high)[:, None] / 2) * (high - low)[:, None]
            right = [
                (parts[..., half].sum(axis=2) > 0) == (label[fold == test] == 1)
                for half in (slice(width), slice(width, None))
            ]
            differences.append(right[0].mean(axis=1) - right[1].mean(axis=1))
    return np.stack(differences, axis=1)


@pytest.mark.parametrize(("subjects", "signal"), [(60, 0.2), (60, 0.5), (100, 0.2)])
def test_keeps_its_level_for_equally_good_classifiers(subjects, signal):
    differences = centroid_differences(2000, subjects, signal, folds=5, repeats=3, seed=1)
    assert differences.mean() == pytest.approx(0, abs=0.005)
    corrected = np.mean([corrected_resampled_t_test(row, 0.25).p_value < 0.05 for row in differences])
    plain = np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05)
    assert 0.01 < corrected < 0.08
    assert plain > 0.2


@pytest.mark.parametrize("value", [0.25, -0.1])
def test_equal_differences_are_not_testable(value):
    result = corrected_resampled_t_test(np.full(15, value), 0.25)
    assert result.difference == pytest.approx(value)
    assert (result.df, result.error) == (14, 0.0)
    assert np.isnan([result.t, result.effect_size, result.p_value, result.ci_low, result.ci_high]).all()


def test_no_difference_in_any_fold_is_no_difference():
    result = corrected_resampled_t_test(np.zeros(15), 0.25)
    assert (result.difference, result.ci_low, result.ci_high, result.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert np.isnan([result.t, result.effect_size]).all()


def test_differences_that_only_rounding_tells_apart_are_equal():
    # 2/3 - 1/3 and 1/2 - 1/6, from scores written with ten digits.
    differences = np.array([0.6666666667 - 0.3333333333, 0.5 - 0.1666666667] * 5)
    assert differences.std() > 0
    assert np.isnan(corrected_resampled_t_test(differences, 0.25).p_value)
    assert corrected_resampled_t_test(np.array([0.0, 1e-10, 0.0]), 0.5).p_value == 1.0


@pytest.mark.parametrize(
    ("differences", "ratio", "message"),
    [([1.0], 0.25, "at least two"), ([1.0, np.nan], 0.25, "finite"), ([1.0, 2.0], 0.0, "above zero")],
)
def test_wrong_input_is_refused(differences, ratio, message):
    with pytest.raises(ValueError, match=message):
        corrected_resampled_t_test(np.array(differences), ratio)


def test_few_folds_take_the_deviation_of_their_family_where_their_own_is_smaller():
    near = np.array([0.1, 0.1, 0.1003])
    family = [near, np.array([0.1, 0.0, -0.1]), np.array([0.05, 0.0, -0.05]), np.zeros(3)]
    least = least_deviation(family)
    assert least == pytest.approx(0.05)  # the median of 0.0002, 0.1 and 0.05; equal ones say nothing
    assert corrected_resampled_t_test(near, 0.5).p_value < 1e-5
    found = corrected_resampled_t_test(near, 0.5, least=least)
    assert found.error == pytest.approx(0.05 * np.sqrt(1 / 3 + 1 / 2))
    assert found.p_value > 0.1
    assert corrected_mean(family[1], 0.5, least=least) == corrected_mean(family[1], 0.5)
    assert corrected_resampled_t_test(np.zeros(3), 0.5, least=least).p_value == 1.0


def test_five_folds_keep_their_own_deviation():
    five = np.array([0.1, 0.1, 0.1003, 0.1, 0.1])
    assert least_deviation([five, five * [1, 2, 3, 4, 5]]) == 0.0
    assert corrected_mean(five, 0.25, least=0.1) == corrected_mean(five, 0.25)


def test_many_pairs_of_equal_methods_on_three_folds_keep_the_level():
    """100 studies of 10 methods: shares of 67, 67 and 66 subjects, as likely right in all; 45 pairs, Holm over them."""
    generator, pairs = np.random.default_rng(0), np.array(np.triu_indices(10, 1)).T
    false = np.zeros(2)
    for _ in range(100):
        scores = generator.binomial([67, 67, 66], 0.83, size=(10, 3)) / [67, 67, 66]
        differences = scores[pairs[:, 0]] - scores[pairs[:, 1]]
        for place, least in enumerate((0.0, least_deviation(differences))):
            p_values = [corrected_resampled_t_test(row, 0.5, least=least).p_value for row in differences]
            false[place] += np.nanmin(holm(p_values)) < 0.05
    own, moderated = false / 100
    assert own > 0.08
    assert moderated < 0.05
