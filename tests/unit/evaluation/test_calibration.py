import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from sixgig.errors import TableError
from sixgig.evaluation.calibration import reliability, wilson


def predictions(n=3000, repeats=1, n_classes=2, sharper=1.0, seed=0):
    """Classes drawn from the true probabilities; the scores are these, ``sharper`` times as sure (on the logit)."""
    generator = np.random.default_rng(seed)
    logits = 1.2 * generator.normal(size=(n, n_classes))
    true = (softmax(logits).cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    scores = softmax(sharper * logits)
    part = pd.DataFrame({"subject_id": [f"s{row:05d}" for row in range(n)], "fold": 0})
    part["label"] = [f"c{index}" for index in true]
    part["predicted"] = [f"c{index}" for index in scores.argmax(axis=1)]
    part = part.assign(**{f"score_c{index}": scores[:, index] for index in range(n_classes)})
    return pd.concat([part.assign(repeat=repeat) for repeat in range(repeats)], ignore_index=True)


def softmax(logits):
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_bins_equal_scikit_learn_on_scores_without_ties(n_classes):
    table = predictions(600, n_classes=n_classes)
    scores = table[[f"score_c{index}" for index in range(n_classes)]].to_numpy()
    if n_classes == 2:
        kept, promise = table["label"] == "c1", scores[:, 1]
    else:
        kept, promise = table["label"] == table["predicted"], scores.max(axis=1)
    observed, promised = calibration_curve(kept, promise, n_bins=10, strategy="quantile")
    found = reliability(table)
    np.testing.assert_allclose(found.promised, promised)
    np.testing.assert_allclose(found.observed, observed)
    assert found.n_subjects.tolist() == [60] * 10
    assert found.error == pytest.approx(np.mean(np.abs(observed - promised)))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_true_probabilities_have_no_more_error_than_chance_and_exaggerated_ones_have(n_classes):
    honest = reliability(predictions(n_classes=n_classes))
    assert honest.error == pytest.approx(honest.error_if_calibrated, abs=0.008)
    assert ((honest.low < honest.promised) & (honest.promised < honest.high)).sum() >= 9
    boastful = reliability(predictions(n_classes=n_classes, sharper=3.0))
    assert boastful.error > 5 * boastful.error_if_calibrated
    assert boastful.observed[-1] < boastful.low[-1] + 0.1 < boastful.promised[-1] + 0.1


def test_perfect_scores_of_few_subjects_show_an_error():
    few, many = reliability(predictions(60)), reliability(predictions(3000))
    assert few.error_if_calibrated > 3 * many.error_if_calibrated > 0


def test_repeats_and_row_order_do_not_narrow_the_intervals():
    once, thrice = predictions(200), predictions(200, repeats=3)
    expected, found = reliability(once), reliability(thrice.sample(frac=1, random_state=0))
    for name in ("promised", "observed", "low", "high", "n_subjects", "error"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), err_msg=name)
    # Further repeats of the same scores are the same evidence: perfect scores would miss the line by as much.
    assert found.error_if_calibrated == pytest.approx(expected.error_if_calibrated)


@pytest.mark.parametrize(("n", "n_bins"), [(1, 1), (14, 1), (29, 1), (30, 2), (90, 6), (150, 10), (900, 10)])
def test_bins_follow_the_number_of_subjects(n, n_bins):
    assert len(reliability(predictions(n)).promised) == n_bins


def test_scores_that_are_all_equal_make_one_bin():
    found = reliability(predictions(200).assign(score_c0=0.5, score_c1=0.5))
    assert found.promised.tolist() == [0.5]
    assert found.n_subjects.tolist() == [200]
    assert found.error == pytest.approx(abs(found.observed[0] - 0.5))


def test_the_positive_class_turns_the_curve_round():
    table = predictions(300)
    last, first = reliability(table), reliability(table, "c0")
    np.testing.assert_allclose(first.promised, 1 - last.promised[::-1])
    np.testing.assert_allclose(first.observed, 1 - last.observed[::-1])


def test_a_class_without_scores_is_refused():
    with pytest.raises(TableError, match="'label' holds the class 'c1', which has no column 'score_c1'"):
        reliability(predictions(40).drop(columns="score_c1"))


def test_wilson_equals_statsmodels():
    shares, n = np.array([0.0, 0.2, 0.5, 1.0]), np.array([10.0, 15.0, 7.0, 12.0])
    for confidence in (0.8, 0.95):
        expected = proportion_confint(shares * n, n, alpha=1 - confidence, method="wilson")
        np.testing.assert_allclose(wilson(shares, n, confidence), expected, atol=1e-12)


def copies(table, number):
    parts = [table.assign(image_id=table["subject_id"] + f"_{index}") for index in range(number)]
    return pd.concat(parts, ignore_index=True)


def test_one_image_a_subject_has_the_curve_of_subjects():
    table = predictions(300, repeats=2)
    one, other = reliability(copies(table, 1)), reliability(table)
    for name in ("promised", "observed", "low", "high", "n_subjects"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.error, one.error_if_calibrated) == (other.error, other.error_if_calibrated)


def test_equal_images_of_a_subject_widen_the_intervals_to_those_of_subjects():
    """Of k subjects in a bin with m equal images each, the design effect is m k / (k - 1), so that k - 1 count."""
    table = predictions(1500)
    found, subjects = reliability(copies(table, 4)), reliability(table)
    np.testing.assert_allclose(found.observed, subjects.observed)
    assert found.n_subjects.tolist() == [600] * 10
    low, high = wilson(subjects.observed, subjects.n_subjects - 1)
    np.testing.assert_allclose((found.low, found.high), (low, high))


def test_images_that_all_come_true_count_once_a_subject():
    table = pd.DataFrame({"subject_id": np.repeat(["p", "q", "r"], 4), "repeat": 0, "fold": 0, "label": "y"})
    table = table.assign(image_id=np.arange(12).astype(str), predicted="y", score_x=0.1, score_y=0.9)
    found = reliability(table)
    assert (found.low, found.high) == wilson(np.array([1.0]), np.array([3.0]))


def test_bars_are_at_the_level_asked_for():
    table = predictions(200)
    found, narrow = reliability(table), reliability(table, alpha=0.5)
    n = found.n_subjects
    assert np.stack([found.low, found.high]) == pytest.approx(np.stack(wilson(found.observed, n, 0.95)))
    assert np.stack([narrow.low, narrow.high]) == pytest.approx(np.stack(wilson(found.observed, n, 0.5)))
