"""Planned contrasts against SciPy's own tests, Holm's steps, equivalence, and how many subjects are needed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sixgig.statistics.contrasts import Settings, subjects_needed, weigh_contrasts
from sixgig.statistics.detectable import power
from sixgig.statistics.multiplicity import holm, holm_levels
from sixgig.statistics.selection import choose_inside, score_procedures, summarise_procedures
from sixgig.tables.scores import METRICS

METRIC = "balanced_accuracy"


def table(values: dict[tuple[str, str], list[float]], folds: int = 5) -> pd.DataFrame:
    """Return metrics.csv of one cohort from fold scores in order of repeat and fold."""
    rows = [
        ("c", arm, classifier, METRIC, place // folds, place % folds, value)
        for (arm, classifier), scores in values.items()
        for place, value in enumerate(scores)
    ]
    return METRICS.check(pd.DataFrame(rows, columns=METRICS.column_names), "test")


def noisy(mean: float, seed: int, sd: float = 0.03, n: int = 15) -> list[float]:
    return list(mean + sd * np.random.default_rng(seed).normal(size=n))


def contrasts(values: dict[tuple[str, str], list[float]], planned: list[tuple[str, str, str]], **settings: float):
    scores = score_procedures(table(values), METRIC)
    return weigh_contrasts(scores, planned, METRIC, Settings(1 / 4, **settings), {"c": 100})


def test_a_fold_has_the_classifier_that_the_other_folds_of_its_repeat_choose():
    values = np.array([[0.9, 0.5, 0.5, 0.5, 0.9, 0.9], [0.6, 0.6, 0.6, 0.65, 0.65, 0.65]])
    repeats = np.array([0, 0, 0, 1, 1, 1])
    # Fold 0: the others are 0.5 and 0.5 against 0.6 and 0.6. Fold 1: 0.9 and 0.5 (0.7) against 0.6.
    assert choose_inside(values, repeats).tolist() == [1, 0, 0, 0, 0, 0]
    assert choose_inside(values, repeats, higher_is_better=False).tolist() == [0, 1, 1, 1, 1, 1]


def test_what_is_undefined_is_not_chosen_and_of_equals_the_first_is():
    values = np.array([[np.nan, np.nan, 0.9], [0.4, 0.4, 0.4], [0.4, 0.4, 0.4]])
    assert choose_inside(values, np.zeros(3, int)).tolist() == [0, 0, 1]
    assert choose_inside(np.full((2, 3), np.nan), np.zeros(3, int)).tolist() == [-1, -1, -1]


def test_the_best_of_equal_methods_is_optimistic_and_the_procedure_is_not():
    rng, plain, inside = np.random.default_rng(5), [], []
    for _ in range(60):
        scores = {(f"arm{arm}", "svm"): list(0.7 + 0.05 * rng.normal(size=15)) for arm in range(6)}
        metrics = table(scores)
        found = summarise_procedures(score_procedures(metrics, METRIC), metrics, METRIC, 1 / 4).set_index("arm")
        inside.append(found.loc["best", "estimate"])
        plain.append(found.loc["best", "estimate"] + found.loc["best", "optimism"])
        assert plain[-1] == pytest.approx(max(np.mean(values) for values in scores.values()))
    assert np.mean(plain) > 0.712
    assert abs(np.mean(inside) - 0.7) < 0.005


def test_the_procedure_says_what_it_chose():
    metrics = table({("a", "svm"): [0.7] * 5, ("a", "src"): [0.6] * 5, ("b", "svm"): [0.8] * 5})
    found = summarise_procedures(score_procedures(metrics, METRIC), metrics, METRIC, 1 / 4).set_index("arm")
    assert found["chosen"].to_dict() == {"a": "svm 5", "b": "svm 5", "best": "b + svm 5"}
    assert found["estimate"].to_dict() == pytest.approx({"a": 0.7, "b": 0.8, "best": 0.8})
    assert found["ci_low"].isna().all()  # no fold differs, so nothing says how far off the mean may be


def test_a_contrast_is_the_corrected_t_test_of_the_fold_means():
    values = {("a", "svm"): noisy(0.8, 1), ("b", "svm"): noisy(0.75, 2)}
    row = contrasts(values, [("baseline", "a", "b")]).iloc[0]
    d = np.subtract(*values.values())
    error = d.std(ddof=1) * np.sqrt(1 / 15 + 1 / 4)
    assert row["difference"] == pytest.approx(np.mean(values["a", "svm"]) - np.mean(values["b", "svm"]))
    assert row["standard_error"] == pytest.approx(error)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 14))
    assert (row["df"], row["n_family"], row["level"]) == (14, 1, 0.95)
    low, high = stats.t.interval(0.95, 14, d.mean(), error)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_an_interval_excludes_zero_exactly_where_the_verdict_says_better(alpha):
    rng, better = np.random.default_rng(0), 0
    for _ in range(12):
        values = {(f"arm{k}", "svm"): list(0.6 + 0.3 * rng.random() + 0.03 * rng.normal(size=15)) for k in range(5)}
        planned = [("baseline", f"arm{k}", "arm0") for k in range(1, 5)] + [("named", "arm1", "arm2")]
        for _, row in contrasts(values, planned, alpha=alpha).iterrows():
            excluded = row["ci_low"] > 0 or row["ci_high"] < 0
            assert excluded == row["verdict"].endswith("better") == (row["p_holm"] < alpha)
            assert alpha / 5 <= 1 - row["level"] + 1e-12
            better += excluded
    assert 10 < better < 50


def test_holms_levels_by_hand():
    # 0.001 < 0.05 / 4, then 0.016 < 0.05 / 3, then 0.03 > 0.05 / 2: it and all larger ones stay at 0.05 / 2.
    assert holm_levels([0.04, 0.001, np.nan, 0.03, 0.016], 0.05)[[1, 4, 3, 0]] == pytest.approx(
        [0.05 / 4, 0.05 / 3, 0.05 / 2, 0.05 / 2]
    )
    assert np.isnan(holm_levels([np.nan], 0.05)).all()


def test_family_wise_error_of_the_contrasts_is_holms():
    p_values = [0.001, 0.02, 0.03]
    assert (holm(p_values) < 0.05).tolist() == list(p_values < holm_levels(p_values, 0.05)) == [True, True, True]


def test_equivalence_is_two_one_sided_tests():
    values = {("a", "svm"): noisy(0.8, 1, 0.002), ("b", "svm"): noisy(0.8, 2, 0.002)}
    row = contrasts(values, [("baseline", "a", "b")], rope=0.01).iloc[0]
    d, error = np.subtract(*values.values()), row["standard_error"]
    one_sided = [stats.t.sf((d.mean() + 0.01) / error, 14), stats.t.cdf((d.mean() - 0.01) / error, 14)]
    assert row["p_equivalence"] == pytest.approx(max(one_sided))
    assert row["verdict"] == "equivalent"
    assert contrasts(values, [("baseline", "a", "b")], rope=0.0005).iloc[0]["verdict"] == "undecided"


def test_the_subjects_that_are_needed_give_the_wanted_power():
    values = {("a", "svm"): noisy(0.8, 1), ("b", "svm"): noisy(0.79, 2), ("c", "svm"): noisy(0.7, 3)}
    row = contrasts(values, [("baseline", "a", "b"), ("baseline", "c", "b")], relevant=0.04).iloc[0]
    error = row["standard_error"] * np.sqrt(100 / row["subjects_needed"])
    assert power(0.04 / error, 14, 0.05 / 2) == pytest.approx(0.8, abs=0.01)
    assert subjects_needed(100, 0.1, 0.05) == 400


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({("b", "svm"): noisy(0.7, 1)}, "not testable: a without scores"),
        ({("a", "svm"): [np.nan] * 15, ("b", "svm"): noisy(0.7, 1)}, "not testable: a without scores"),
        (
            {("a", "svm"): [0.9] * 15, ("b", "svm"): [0.5] * 15},
            "not testable: every fold shows the same difference",
        ),
        (
            {("a", "svm"): [0.9, 0.8, np.nan], ("b", "svm"): [np.nan, 0.5, 0.6]},
            "not testable: fewer than two shared folds",
        ),
        ({("a", "svm"): noisy(0.7, 1), ("b", "svm"): noisy(0.7, 1)}, "undecided"),
    ],
)
def test_what_cannot_be_tested_says_why(values, verdict):
    row = contrasts(values, [("baseline", "a", "b")]).iloc[0]
    assert row["verdict"] == verdict
    assert row["n_family"] == (verdict == "undecided")
