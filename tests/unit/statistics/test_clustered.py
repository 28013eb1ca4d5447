"""Two methods on images of which a subject has several: exact signs of subjects, and Obuchowski's variance."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sixgig.errors import TableError
from sixgig.statistics.delong import clustered_delong, delong_test, placements
from sixgig.statistics.mcnemar import clustered_mcnemar, exact_mcnemar, sign_flip_p_value
from sixgig.statistics.subjects import compare_subjects, mean_scores
from sixgig.tables.predictions import PREDICTIONS

#: Pairs in which only the first and only the second of two ratings is positive, of 29 psychiatrists with 135 patients
#: (Eliasziw and Donner, Statistics in Medicine 10, 1991; also Durkalski et al., Statistics in Medicine 22, 2003).
ONLY_FIRST = [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0]
ONLY_SECOND = [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1]
PATIENTS = [7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1]


def psychiatrists():
    """Both ratings and the psychiatrist of every patient; pairs that agree are taken to be positive."""
    first, second, of = [], [], []
    for number, (a, b, n) in enumerate(zip(ONLY_FIRST, ONLY_SECOND, PATIENTS, strict=True)):
        first += [True] * a + [False] * b + [True] * (n - a - b)
        second += [False] * a + [True] * b + [True] * (n - a - b)
        of += [f"p{number:02d}"] * n
    return np.array(first), np.array(second), np.array(of)


def test_the_psychiatrists_of_the_papers():
    first, second, of = psychiatrists()
    assert len(of) == 135
    found = clustered_mcnemar(first, second, of)
    assert (found.only_a, found.only_b) == (sum(ONLY_FIRST), sum(ONLY_SECOND)) == (21, 50)
    # McNemar's own statistic is 11.85, p = 0.0006: too sure. Obuchowski's is that of the sums of the psychiatrists.
    assert pytest.approx(11.85, abs=0.01) == (21 - 50) ** 2 / (21 + 50)
    d = np.subtract(ONLY_FIRST, ONLY_SECOND)
    obuchowski = 28 / 29 * d.sum() ** 2 / (d**2).sum()
    assert found.p_value == pytest.approx(stats.chi2.sf(obuchowski, 1), rel=0.25)
    assert found.p_value > 5 * exact_mcnemar(first, second).p_value


def test_signs_by_hand():
    """Differences of 2, 1 and -1: of the eight sums 4, 2, 2, 0, 0, -2, -2, -4 six are at least 2 from zero."""
    assert sign_flip_p_value(np.array([2, 1, -1])) == pytest.approx(6 / 8)
    assert sign_flip_p_value(np.array([3, 2, 2, 0])) == pytest.approx(2 / 8)
    assert sign_flip_p_value(np.array([0, 0])) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_all_choices_of_signs(seed):
    differences = np.random.default_rng(seed).integers(-4, 6, 11)
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=11)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()))
    assert sign_flip_p_value(differences) == pytest.approx(expected)


def test_one_image_a_subject_is_mcnemars_exact_test():
    rng = np.random.default_rng(2)
    a, b = rng.random(60) < 0.8, rng.random(60) < 0.6
    assert clustered_mcnemar(a, b, np.arange(60).astype(str)) == exact_mcnemar(a, b)


def test_equal_images_of_a_subject_tell_nothing_more_than_one():
    rng = np.random.default_rng(3)
    a, b, subjects = rng.random(30) < 0.8, rng.random(30) < 0.5, np.arange(30).astype(str)
    one, three = exact_mcnemar(a, b), clustered_mcnemar(*(np.repeat(values, 3) for values in (a, b, subjects)))
    assert three.p_value == pytest.approx(one.p_value)
    assert three.only_a == 3 * one.only_a


def test_methods_that_are_equal_are_told_apart_no_more_often_than_the_level_says():
    """Images of a subject are right together: McNemar's test over images errs often, that over subjects does not."""
    rng = np.random.default_rng(4)
    subjects = np.repeat(np.arange(30), 6).astype(str)
    found = []
    for _ in range(400):
        chance_a, chance_b = (np.repeat(rng.beta(0.6, 0.6, 30), 6) for _ in range(2))
        a, b = rng.random(180) < chance_a, rng.random(180) < chance_b
        found.append((clustered_mcnemar(a, b, subjects).p_value < 0.05, exact_mcnemar(a, b).p_value < 0.05))
    over_subjects, over_images = np.mean(found, axis=0)
    assert over_subjects < 0.08
    assert over_images > 0.2


def by_definition(a, b, positive, subjects):
    """Obuchowski's standard error of the difference from its four sums, for each method and for both together."""
    names = np.unique(subjects)
    parts = []
    for scores in (a, b):
        of_positive, of_negative = placements(scores, positive)
        area = of_positive.mean()
        x = np.array([(of_positive[subjects[positive] == name] - area).sum() for name in names])
        y = np.array([(of_negative[subjects[~positive] == name] - area).sum() for name in names])
        parts.append((area, x, y))
    m, n, i = positive.sum(), (~positive).sum(), len(names)
    i10, i01 = len(set(subjects[positive])), len(set(subjects[~positive]))

    def covariance(r, s):
        s10, s01 = i10 / ((i10 - 1) * m) * (r[1] @ s[1]), i01 / ((i01 - 1) * n) * (r[2] @ s[2])
        return s10 / m + s01 / n + i / (i - 1) * (r[1] @ s[2] + s[1] @ r[2]) / (m * n)

    (one, other) = parts
    variance = covariance(one, one) + covariance(other, other) - 2 * covariance(one, other)
    return one[0] - other[0], np.sqrt(variance)


def lesions(seed, n=40, decimals=1):
    """Scores of two methods on 1 to 5 images of each of n subjects, alike within a subject; every third is positive."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(n), rng.integers(1, 6, n))
    positive = rng.random(len(subjects)) < np.where(subjects % 3 == 0, 0.8, 0.2)
    own = rng.normal(size=(2, n))[:, subjects]
    a, b = (own + rng.normal(size=own.shape) + positive).round(decimals)
    return a, b, positive, np.array([f"s{number:03d}" for number in subjects])


@pytest.mark.parametrize("decimals", [0, 8])  # with many ties, and without any
def test_areas_agree_with_obuchowskis_definition(decimals):
    data = lesions(1, decimals=decimals)
    test = clustered_delong(*data)
    difference, error = by_definition(*data)
    assert (test.difference, test.z) == pytest.approx((difference, difference / error))
    assert test.ci_high - test.ci_low == pytest.approx(2 * 1.959964 * error)


def test_one_image_a_subject_is_delongs_test():
    a, b, positive, _ = lesions(2)
    assert clustered_delong(a, b, positive, np.arange(len(a)).astype(str)) == delong_test(a, b, positive)
    # The general formula gives the same where no two images are of one subject.
    difference, error = by_definition(a, b, positive, np.arange(len(a)).astype(str))
    assert delong_test(a, b, positive).z == pytest.approx(difference / error)


def test_equal_images_of_a_subject_leave_delongs_test_as_it_is():
    rng = np.random.default_rng(3)
    positive = np.arange(40) < 15
    a, b = rng.normal(size=40) + positive, rng.normal(size=40) + 0.3 * positive
    four = clustered_delong(*(np.repeat(values, 4) for values in (a, b, positive, np.arange(40).astype(str))))
    one = delong_test(a, b, positive)
    assert (four.difference, four.z, four.p_value) == pytest.approx((one.difference, one.z, one.p_value))


def test_the_variance_is_that_of_repeated_studies():
    """Areas of two equally good methods over 400 studies: the mean standard error is the spread of the difference."""
    tests = [clustered_delong(*lesions(seed, decimals=8)) for seed in range(400)]
    differences = np.array([test.difference for test in tests])
    errors = [(test.ci_high - test.ci_low) / (2 * 1.959964) for test in tests]
    assert np.mean(errors) == pytest.approx(differences.std(ddof=1), rel=0.08)
    assert np.mean([test.p_value < 0.05 for test in tests]) < 0.085


def test_a_class_on_images_of_one_subject_is_not_tested():
    subjects, positive = np.array(["p", "p", "q", "r"]), np.array([True, True, False, False])
    with pytest.raises(ValueError, match="at least two subjects with images of each class"):
        clustered_delong(np.arange(4.0), np.arange(4.0), positive, subjects)


def of_images(seed, skill, n=30, repeats=2):
    """Predictions of one to three images a subject, of two classes within most subjects."""
    rng = np.random.default_rng(seed)
    rows = []
    for repeat in range(repeats):
        for number in range(n):
            for image in range(1 + number % 3):
                label = "xy"[(number + image) % 2]
                score = 1 / (1 + np.exp(-(rng.normal() + skill * (1 if label == "y" else -1))))
                rows.append(
                    (
                        f"s{number:02d}",
                        f"s{number:02d}_{image}",
                        repeat,
                        0,
                        label,
                        "xy"[int(score > 0.5)],
                        1 - score,
                        score,
                    )
                )
    columns = ["subject_id", "image_id", "repeat", "fold", "label", "predicted", "score_x", "score_y"]
    return PREDICTIONS.check(pd.DataFrame(rows, columns=columns), "predictions")


def compared(tmp_path, tables, **settings):
    files = {}
    for arm, table in tables.items():
        files["c", arm, "svm"] = tmp_path / f"{arm}.csv"
        PREDICTIONS.write(table, files["c", arm, "svm"])
    return compare_subjects(files, **settings)


def test_images_are_counted_and_their_subjects_kept_together(tmp_path):
    tables = {"good": of_images(0, 2.0), "poor": of_images(1, 0.2)}
    tests = compared(tmp_path, tables, metrics_of={"c": "image"})
    row, area = tests.mcnemar.iloc[0], tests.delong.iloc[0]
    assert row["counted"] == area["counted"] == "image"
    assert row[["both_right", "only_a_right", "only_b_right", "both_wrong"]].sum() == 60
    assert area["n_subjects"] == 30
    good, poor = (mean_scores(table) for table in tables.values())
    assert row["p_value"] == clustered_mcnemar(good.right, poor.right, good.subjects).p_value
    expected = clustered_delong(good.scores[:, 1], poor.scores[:, 1], good.true == 1, good.subjects)
    assert area["z"] == pytest.approx(expected.z)


def test_subjects_are_counted_where_the_study_file_says_so(tmp_path):
    tests = compared(tmp_path, {"good": of_images(0, 2.0), "poor": of_images(1, 0.2)}, metrics_of={"c": "subject"})
    assert tests.mcnemar[["both_right", "only_a_right", "only_b_right", "both_wrong"]].iloc[0].sum() == 30
    assert "counted" not in tests.mcnemar
    assert "counted" not in tests.delong


def test_one_image_a_subject_gives_the_tables_of_subjects(tmp_path):
    tables = {
        arm: table[table["image_id"].str.endswith("_0")]
        for arm, table in {"good": of_images(0, 2.0), "poor": of_images(1, 0.2)}.items()
    }
    found = compared(tmp_path, tables, metrics_of={"c": "image"})
    expected = compared(tmp_path, {arm: table.drop(columns="image_id") for arm, table in tables.items()})
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_methods_have_to_predict_the_same_images(tmp_path):
    table = of_images(0, 1.0)
    renamed = table.assign(image_id=table["image_id"] + "x")
    with pytest.raises(TableError, match="not those of the cohort's other predictions"):
        compared(tmp_path, {"a": table, "b": renamed}, metrics_of={"c": "image"})
