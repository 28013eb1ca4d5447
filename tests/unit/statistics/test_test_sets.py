"""Paired tests on test sets: which methods, which pairs, right values, Holm's steps."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sixgig.errors import TableError
from sixgig.statistics.delong import delong_test
from sixgig.statistics.mcnemar import exact_mcnemar
from sixgig.statistics.test_sets import chosen_methods, compare_on_test_sets, mcnemar_interval, step_levels
from sixgig.tables.predictions import PREDICTIONS

N = 60
LABELS = np.array(["x", "y"])[np.arange(N) % 2]


def predictions(skill, seed, labels=LABELS):
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=len(labels)) + skill * np.where(labels == "y", 1, -1)
    score = np.full(len(labels), 0.5) if skill is None else 1 / (1 + np.exp(-logit))
    rows = {"subject_id": [f"s{place:02d}" for place in range(len(labels))], "repeat": 0, "fold": 0, "label": labels}
    return pd.DataFrame(rows | {"predicted": np.where(score > 0.5, "y", "x"), "score_x": 1 - score, "score_y": score})


def summary(**estimates):
    """Estimates of cross-validation of methods named arm__classifier."""
    rows = [("c", *name.split("__"), "balanced_accuracy", value) for name, value in estimates.items()]
    return pd.DataFrame(rows, columns=["cohort", "arm", "classifier", "metric", "estimate"])


SUMMARY = summary(good__svm=0.8, good__src=0.9, poor__svm=0.6, poor__src=0.55, third__svm=0.6, lost__svm=np.nan)


@pytest.fixture
def files(tmp_path):
    skills = {
        ("good", "svm"): 0.1,
        ("good", "src"): 2.5,
        ("poor", "svm"): 0.2,
        ("poor", "src"): 2.5,
        ("third", "svm"): 0.3,
    }
    found = {}
    for place, (method, skill) in enumerate(skills.items()):
        path = tmp_path / f"{'.'.join(method)}.test.csv"
        PREDICTIONS.write(predictions(skill, place), path)
        found["c", "held_out", *method] = path
    return found


def compare(files, table=SUMMARY, **options):
    known = {"n_resamples": 2000, "seed": 1, "positives": {}, "metrics_of": {}}
    return compare_on_test_sets(files, table, "balanced_accuracy", 0.05, **known | options)


def test_each_arm_has_the_classifier_that_cross_validation_chose_and_not_the_one_that_tests_best():
    assert chosen_methods(SUMMARY, "c", "balanced_accuracy") == {
        "good": ("good", "src"), "poor": ("poor", "svm"), "third": ("third", "svm"),
    }  # fmt: skip


def test_the_majority_class_is_no_method():
    table = summary(good__svm=0.8, control_majority_class__majority_class=0.9)
    assert list(chosen_methods(table, "c", "balanced_accuracy")) == ["good"]


def test_every_pair_is_tested_three_ways_with_the_values_of_the_tests(files):
    found = compare(files)
    assert found.groupby("test")["p_value"].count().to_dict() == {"bootstrap": 3, "mcnemar": 3, "delong": 3}
    assert (found["n_subjects"] == N).all()
    a, b = (PREDICTIONS.read(files["c", "held_out", *method]) for method in (("good", "src"), ("poor", "svm")))
    rows = found[(found["arm_a"] == "good") & (found["arm_b"] == "poor")].set_index("test")
    right = [(own["predicted"] == own["label"]).to_numpy(bool) for own in (a, b)]
    assert rows.loc["mcnemar", "p_value"] == pytest.approx(exact_mcnemar(*right).p_value)
    assert rows.loc["mcnemar", "difference"] == pytest.approx(right[0].mean() - right[1].mean())
    areas = delong_test(a["score_y"].to_numpy(), b["score_y"].to_numpy(), (a["label"] == "y").to_numpy(bool))
    assert rows.loc["delong", ["difference", "p_value"]].tolist() == pytest.approx([areas.difference, areas.p_value])
    own = right[0].astype(float) - right[1]
    welch = stats.ttest_ind(own[LABELS == "y"], -own[LABELS == "x"], equal_var=False)
    assert np.log(rows.loc["bootstrap", "p_value"]) == pytest.approx(np.log(welch.pvalue), rel=0.03)
    assert (rows["verdict"] == "a better").all()


def test_intervals_exclude_zero_exactly_when_the_verdict_finds_a_difference(files):
    found = compare(files)
    outside = (found["ci_low"] > 0) | (found["ci_high"] < 0)
    assert outside.tolist() == found["verdict"].isin(["a better", "b better"]).tolist()
    assert set(found["verdict"]) == {"a better", "within noise"}


def test_holm_is_over_the_pairs_of_one_test(files):
    for _, family in compare(files).groupby("test"):
        ordered = family["p_value"].sort_values()
        by_hand = np.minimum(np.maximum.accumulate(ordered.to_numpy() * [3, 2, 1]), 1.0)
        assert family["p_holm"][ordered.index].to_numpy() == pytest.approx(by_hand)


def test_planned_pairs_are_the_family(files):
    found = compare(files, pairs=[("good", "third"), ("good", "lost"), ("good", "third")])
    assert found[["arm_a", "arm_b"]].drop_duplicates().to_numpy().tolist() == [["good", "third"]]
    assert found["p_holm"].tolist() == pytest.approx(found["p_value"].tolist())


def test_delong_has_no_constant_classifier(files):
    constant = predictions(0, 9).assign(predicted="x", score_x=0.6, score_y=0.4)
    PREDICTIONS.write(constant, files["c", "held_out", "third", "svm"])
    found = compare(files)
    assert set(found.loc[found["test"] == "delong", "arm_b"]) == {"poor"}
    assert set(found.loc[found["test"] == "mcnemar", "arm_b"]) == {"poor", "third"}


def test_cohorts_without_a_test_set_have_no_rows(files):
    for path in files.values():
        PREDICTIONS.write(pd.DataFrame(columns=PREDICTIONS.column_names), path)
    assert not len(compare(files))


def test_other_subjects_are_refused(files):
    PREDICTIONS.write(predictions(0.2, 2).iloc[:-1], files["c", "held_out", "poor", "svm"])
    with pytest.raises(TableError, match="not those of the other predictions on this test set"):
        compare(files)


def test_levels_of_holms_steps():
    """Of four, two are rejected (at 0.05/4 and 0.05/3); the others are held to the step that stopped, 0.05/2."""
    found = step_levels([0.9, 0.001, np.nan, 0.016, 0.03], 0.05)
    assert found[1] == pytest.approx(1 - 0.05 / 4)
    assert found[3] == pytest.approx(1 - 0.05 / 3)
    assert [found[0], found[4]] == pytest.approx([1 - 0.05 / 2] * 2)
    assert np.isnan(found[2])


def test_mcnemars_interval_excludes_zero_with_its_p_value():
    """8 against 1 of 40: p 0.039 (binomial test), and the share of 8 in 9 is exactly 0.5175 to 0.9972."""
    only_a, only_b = np.arange(40) < 8, np.arange(40) == 8
    test = exact_mcnemar(~only_b, ~only_a)
    assert test.p_value == pytest.approx(20 / 512)
    low, high = mcnemar_interval(test, 0.95)
    assert (low, high) == pytest.approx(((2 * 0.51750 - 1) * 9 / 40, (2 * 0.99719 - 1) * 9 / 40), abs=1e-4)
    assert mcnemar_interval(test, 0.97)[0] < 0
