import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from sixgig.evaluation.effective import effective_numbers
from sixgig.evaluation.intervals import jeffreys, procedure_intervals, undefined_folds


def predictions(
    found: tuple[int, int], counts: tuple[int, int] = (10, 190), folds: int = 5, repeats: int = 3
) -> pd.DataFrame:
    """Return predictions of classes a and b, of which the first ``found`` subjects are right."""
    rows = [
        (f"{own}{number:03d}", repeat, (number + repeat) % folds, own, own if number < hit else other)
        for repeat in range(repeats)
        for own, other, n, hit in (("a", "b", counts[0], found[0]), ("b", "a", counts[1], found[1]))
        for number in range(n)
    ]
    table = pd.DataFrame(rows, columns=["subject_id", "repeat", "fold", "label", "predicted"])
    return table.assign(
        score_a=(table["predicted"] == "a") * 0.6 + 0.2, score_b=(table["predicted"] == "b") * 0.6 + 0.2
    )


def test_a_small_class_without_a_mistake_does_not_make_the_interval_blind():
    found = procedure_intervals(predictions((10, 142)), positive="a")
    interval = found["balanced_accuracy"]
    assert interval.estimate == pytest.approx((1 + 142 / 190) / 2)
    assert interval.low < 0.75  # the bootstrap says 0.839
    assert found["sensitivity"].high == 1.0
    assert found["sensitivity"].low == pytest.approx(0.723, abs=0.001)


def test_balanced_accuracy_joins_the_intervals_of_the_recalls():
    table = predictions((20, 30), counts=(40, 40))
    n = 40 / (1 + 0.15 + 0.25 / 3 + 0.1)
    low = [beta.ppf(0.025, share * n + 0.5, (1 - share) * n + 0.5) for share in (0.5, 0.75)]
    expected = 0.625 - np.hypot(0.5 - low[0], 0.75 - low[1]) / 2
    found = procedure_intervals(table)["balanced_accuracy"]
    assert (found.estimate, found.low) == pytest.approx((0.625, expected))
    wider = procedure_intervals(table, alpha=0.01)
    assert wider["balanced_accuracy"].low < found.low
    for name, interval in procedure_intervals(table).items():
        assert wider[name].low < interval.low < interval.estimate < interval.high < wider[name].high


def test_held_out_models_are_given():
    whole = np.arange(30, dtype=np.intp)
    right, classes = np.ones(30), (whole < 10).astype(np.intp)
    numbers = effective_numbers(right, classes, whole, 2, repeats=1, folds=1)
    assert numbers.tolist() == [20.0, 10.0]
    numbers = effective_numbers(right, classes, whole, 2, repeats=1, folds=5)
    assert numbers == pytest.approx([1 / (1.4 / 20 + 0.1 / 10), 1 / (1.5 / 10)])


def test_images_of_one_subject_count_once_where_they_are_alike():
    subjects = np.repeat(np.arange(20, dtype=np.intp), 4)
    classes = np.zeros(80, dtype=np.intp)
    right = np.repeat(np.arange(20) % 2.0, 4)
    numbers = effective_numbers(right, classes, subjects, 1, repeats=1, folds=1)
    assert numbers == pytest.approx([19])
    mixed = np.tile([0.0, 1.0, 1.0, 0.0], 20)
    assert effective_numbers(mixed, classes, subjects, 1, repeats=1, folds=1) == pytest.approx([80])


def test_jeffreys_reaches_the_ends():
    low, high = jeffreys(np.array([0.0, 0.5, 1.0]), np.array([10.0, 10.0, 10.0]), 0.05)
    assert (low[0], high[2]) == (0.0, 1.0)
    assert low[1] == pytest.approx(beta.ppf(0.025, 5.5, 5.5))


def test_a_constant_classifier_has_an_area_of_one_half():
    table = predictions((10, 0))
    constant = table.assign(predicted="a", score_a=0.6 + table["fold"] / 100, score_b=0.4 - table["fold"] / 100)
    assert procedure_intervals(constant)["macro_auc"].estimate == 0.5


def test_folds_without_a_class_are_left_out_and_counted():
    table = predictions((2, 20), counts=(2, 20), folds=4, repeats=1)
    assert undefined_folds(table)["balanced_accuracy"] == 2
    assert procedure_intervals(table)["balanced_accuracy"].estimate == 1.0


def test_intervals_cover_chance_in_small_null_studies():
    """300 studies of 40 subjects whose classes do not differ: a nearest centroid over 5 folds, 3 times."""
    generator, covered, studies = np.random.default_rng(0), 0, 300
    labels = np.repeat([0, 1], 20)
    for _ in range(studies):
        data, parts = generator.standard_normal((40, 5)), []
        for repeat in range(3):
            fold = np.concatenate([generator.permutation(20) % 5 for _ in range(2)])
            guess = np.empty(40, dtype=int)
            for number in range(5):
                test = fold == number
                centres = [data[~test & (labels == index)].mean(axis=0) for index in (0, 1)]
                gaps = [((data[test] - centre) ** 2).sum(axis=1) for centre in centres]
                guess[test] = gaps[1] < gaps[0]
            names = np.array(["a", "b"])
            own = {"subject_id": np.arange(40).astype(str), "repeat": repeat, "fold": fold}
            own |= {"label": names[labels], "predicted": names[guess], "score_a": 1.0 - guess, "score_b": guess * 1.0}
            parts.append(pd.DataFrame(own))
        found = procedure_intervals(pd.concat(parts))["balanced_accuracy"]
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / studies <= 0.99
