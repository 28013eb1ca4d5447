"""Metrics within groups of subjects, and the differences between them."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from sixgig.evaluation.group_metrics import Within, differences, group_metrics, mover, value_order
from sixgig.evaluation.recalls import mean_of_shares


def subjects(right, repeats=1):
    """Predictions of group -> class -> (right, number), and the groups."""
    rows, groups = [], []
    for value, classes in right.items():
        for label, (good, number) in classes.items():
            for index in range(number):
                name = f"{value}-{label}-{index}"
                groups.append((name, "site", value))
                other = "ab".replace(label, "")
                predicted = label if index < good else other
                score = 0.9 - 0.01 * index
                for repeat in range(repeats):
                    scores = (score, 1 - score) if predicted == "a" else (1 - score, score)
                    rows.append((name, repeat, 0, label, predicted, *scores))
    columns = ["subject_id", "repeat", "fold", "label", "predicted", "score_a", "score_b"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(groups, columns=["subject_id", "group", "value"])


def metrics(right, minimum=5, **how):
    predictions, groups = subjects(right, how.pop("repeats", 1))
    return group_metrics(predictions, groups, n_resamples=300, seed=1, minimum=minimum, **how)


def row(table, metric, value, between=None):
    own = table[(table["metric"] == metric) & (table["value"] == value)]
    own = own if between is None else own[own["between"] == between]
    assert len(own) == 1
    return own.iloc[0]


def test_estimates_are_those_of_the_groups_own_subjects():
    table = metrics({"A": {"a": (9, 10), "b": (8, 10)}, "B": {"a": (12, 20), "b": (10, 10)}})
    assert row(table, "balanced_accuracy", "A")["estimate"] == pytest.approx(0.85)
    assert row(table, "balanced_accuracy", "B")["estimate"] == pytest.approx(0.8)
    assert row(table, "accuracy", "B")["estimate"] == pytest.approx(22 / 30)
    assert row(table, "sensitivity", "A")["estimate"] == pytest.approx(0.8)  # b is the positive class
    assert row(table, "balanced_accuracy", "B")["n_subjects"] == 30


@pytest.mark.parametrize("repeats", [1, 3])
def test_recalls_have_wilson_intervals_of_their_subjects_whatever_the_repeats(repeats):
    table = metrics({"A": {"a": (10, 10), "b": (8, 10)}, "B": {"a": (5, 5), "b": (5, 5)}}, repeats=repeats)
    found = row(table, "sensitivity", "A")
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(proportion_confint(8, 10, method="wilson"))
    assert found["method"] == "wilson"
    perfect = row(table, "balanced_accuracy", "B")
    low = proportion_confint(5, 5, method="wilson")[0]
    assert perfect["ci_low"] == pytest.approx(1 - np.sqrt(2) * (1 - low) / 2)  # no mistake is not certainty
    assert perfect["ci_high"] == pytest.approx(1)


def test_a_difference_follows_from_two_intervals_and_the_gap_from_all_pairs():
    right = {
        "A": {"a": (18, 20), "b": (18, 20)},
        "B": {"a": (10, 20), "b": (8, 20)},
        "C": {"a": (15, 20), "b": (15, 20)},
    }
    table = metrics(right)
    gap = row(table, "balanced_accuracy", "gap")
    assert gap["between"] == "A - B"
    assert gap["estimate"] == pytest.approx(0.45)
    assert gap["n_subjects"] == 120
    pairs = table[(table["metric"] == "balanced_accuracy") & (table["value"] == "difference")]
    assert list(pairs["between"]) == ["A - B", "A - C", "B - C"]
    assert gap["ci_low"] == pytest.approx(pairs["ci_low"].max())
    assert gap["ci_high"] == pytest.approx(pairs["ci_high"].max())
    alone = group_metrics(*subjects({key: right[key] for key in "AB"}), n_resamples=300, seed=1, alpha=0.05 / 3)
    assert row(alone, "balanced_accuracy", "difference")["ci_low"] == pytest.approx(pairs["ci_low"].iloc[0])


def test_values_that_are_equal_have_a_gap_of_zero_between_two_of_them():
    table = metrics({value: {"a": (8, 10), "b": (8, 10)} for value in "ABC"})
    gap = row(table, "balanced_accuracy", "gap")
    assert (gap["between"], gap["estimate"], gap["ci_low"]) == ("A - C", 0, 0)
    assert gap["ci_high"] > 0.1


def test_mover_of_two_proportions_is_newcombes_interval():
    """Newcombe, Statistics in Medicine 17, 1998, table II: 56/70 minus 48/80, method 10."""
    limits = [proportion_confint(k, n, method="wilson") for k, n in ((56, 70), (48, 80))]
    assert mover(56 / 70, limits[0], 48 / 80, limits[1]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_too_few_subjects_of_a_class_are_named_and_have_no_value():
    table = metrics({"A": {"a": (9, 10), "b": (8, 10)}, "B": {"a": (9, 10), "b": (4, 4)}})
    found = row(table, "balanced_accuracy", "B")
    assert np.isnan(found["estimate"])
    assert found["n_subjects"] == 14
    assert found["method"] == "none: 4 subjects of class 'b', and 5 are needed"
    assert not (table["value"] == "gap").any()
    assert (metrics({"A": {"a": (9, 10), "b": (8, 10)}, "B": {"a": (9, 10), "b": (4, 4)}}, 4)["value"] == "gap").any()


def test_other_metrics_have_a_bootstrap_within_each_class_that_is_seeded():
    right = {"A": {"a": (9, 12), "b": (8, 12)}, "B": {"a": (9, 12), "b": (12, 12)}}
    one, again = metrics(right), metrics(right)
    pd.testing.assert_frame_equal(one, again)
    found = row(one, "macro_auc", "A")
    assert found["method"] == "bca"
    assert found["ci_low"] < found["estimate"] < found["ci_high"]
    gap = row(one, "brier", "gap")
    assert gap["between"] == "B - A"  # the better one first: a lower Brier score


def test_subjects_without_a_value_are_in_no_group():
    predictions, groups = subjects({"A": {"a": (9, 10), "b": (8, 10)}, "B": {"a": (9, 10), "b": (9, 10)}})
    groups.loc[groups["subject_id"] == "A-a-0", "value"] = None
    table = group_metrics(predictions, groups, n_resamples=200, seed=1)
    assert row(table, "accuracy", "A")["n_subjects"] == 19


def test_ranges_of_numbers_come_in_their_order():
    assert sorted([">= 100", "< 40", ">= 40, < 100"], key=value_order) == ["< 40", ">= 40, < 100", ">= 100"]


def test_the_gap_of_equal_groups_is_too_high_and_its_interval_still_holds_zero():
    """400 studies of three groups with true recalls of 0.8: their gap is 0.1 by chance, and its interval covers 0."""
    rng = np.random.default_rng(3)
    gaps, covered = [], 0
    for _ in range(400):
        within = {}
        for value in "ABC":
            shares = rng.binomial(20, 0.8, 2) / 20
            limits = partial(mean_of_shares, shares, np.array([20, 20]))
            within[value] = Within(float(shares.mean()), 40, "wilson", limits)
        gap = differences(within, "balanced_accuracy", 0.05)[-1]
        gaps.append(gap["estimate"])
        covered += gap["ci_low"] <= 0
    assert 0.07 < np.mean(gaps) < 0.13  # the range of three values of standard error 0.063 is 1.69 of them
    assert covered / 400 >= 0.95


def test_several_seeds_are_averaged_and_a_difference_has_the_spread_of_its_own():
    """Seeds are 0.2 apart on both sites, in step: estimates spread, and their difference does not."""
    first, groups = subjects({"A": {"a": (9, 10), "b": (9, 10)}, "B": {"a": (7, 10), "b": (7, 10)}})
    second, _ = subjects({"A": {"a": (7, 10), "b": (7, 10)}, "B": {"a": (5, 10), "b": (5, 10)}})
    both = pd.concat([first, second.assign(repeat=1)], ignore_index=True)
    how = {"n_resamples": 100, "seed": 1}
    table = group_metrics(both, groups, seeds={0: 0, 1: 1}, **how)
    plain = group_metrics(both, groups, **how)
    own, before = (row(found, "accuracy", "A") for found in (table, plain))
    assert own["estimate"] == pytest.approx(0.8)
    assert (own["n_seeds"], own["seed_sd"]) == (2, pytest.approx(0.2 / np.sqrt(2)))
    assert own["ci_low"] < before["ci_low"] < before["ci_high"] < own["ci_high"]
    difference, same = (row(found, "accuracy", "difference") for found in (table, plain))
    assert (difference["estimate"], difference["seed_sd"]) == (pytest.approx(0.2), pytest.approx(0))
    assert difference[["ci_low", "ci_high"]].tolist() == pytest.approx(same[["ci_low", "ci_high"]].tolist())
    assert "n_seeds" not in plain
