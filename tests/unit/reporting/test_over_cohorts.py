"""The sentences over cohorts, rule by rule, from summaries of a few rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.reporting import over_cohorts
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_json
from sixgig.statistics.factors import explain_variance
from sixgig.statistics.omnibus import compare_over_cohorts
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.scores import SUMMARY

ARMS = ("baseline_cnn", "vit_pure", "vit_contrastive", "vit_sparse")


def make(folder: Path, scores: object, arms: tuple[str, ...] = ARMS, classifiers: tuple[str, ...] = ("svm",)) -> Study:
    """A study from scores [n_cohorts, n_arms, n_classifiers]; NaN is a failed method."""
    values = np.asarray(scores, dtype=float)
    values = values.reshape(len(values), len(arms), len(classifiers))
    rows = [
        (f"cohort{c}", arm, classifier, "balanced_accuracy", *([None] * 3 if np.isnan(v) else [v, v - 0.1, v + 0.1]),
         40, "failed: why" if np.isnan(v) else "ok")
        for c, grid in enumerate(values)
        for arm, row in zip(arms, grid, strict=True)
        for classifier, v in zip(classifiers, row, strict=True)
    ]  # fmt: skip
    summary = SUMMARY.check(pd.DataFrame(rows, columns=SUMMARY.column_names[:9]), "summary")
    omnibus, ranks = compare_over_cohorts(summary, "balanced_accuracy")
    factors = explain_variance(summary, "balanced_accuracy")
    for table, frame in ((OMNIBUS, omnibus), (RANKS, ranks), (FACTORS, factors)):
        table.write(frame, folder / "statistics" / table.name)
    write_json(folder / "study.json", {})
    return Study(folder)


def noisy(n_cohorts: int, means: tuple[float, ...] = (0.6, 0.6, 0.6, 0.6), noise: float = 0.02) -> np.ndarray:
    return np.random.default_rng(5).normal(means, noise, size=(n_cohorts, len(means)))


@pytest.mark.parametrize("n_cohorts", [1, 4])
def test_fewer_than_five_cohorts_have_no_verdict(tmp_path, n_cohorts):
    study = make(tmp_path, noisy(n_cohorts, (0.5, 0.6, 0.7, 0.8), 0.001))
    assert over_cohorts.conclusion(study) == (
        f"Each cohort stands alone: a verdict over cohorts needs at least 5 of them, and this study has {n_cohorts}."
    )
    text = " ".join(over_cohorts.description(study))
    assert "Best average rank: Sparse ViT + SVM, 1.00 of 4; by itself this does not mean better." in text
    cells = {title: cell.text for title, cell in zip(*_table(over_cohorts.omnibus(study)), strict=True)}
    assert (cells["F"], cells["p"], cells["Verdict"]) == ("n/a", "n/a", "not enough cohorts")
    assert {row[-1].text for row in over_cohorts.ranks(study).rows} == {"no verdict"}


def _table(view):
    return view.columns, view.rows[0]


def test_no_difference_is_no_proof_of_equality(tmp_path):
    study = make(tmp_path, noisy(6))
    row = study.omnibus.iloc[0]
    assert row["p_value"] > 0.05
    assert over_cohorts.conclusion(study) == (
        f"Over 6 cohorts no difference between 4 methods is found (Friedman's test with Iman and Davenport's F = "
        f"{row['f']:.2f}, 3 and 15 degrees of freedom, p = {row['p_value']:.3f}), which is not proof that they are "
        "equal."
    )


def test_who_is_told_apart_from_whom(tmp_path):
    study = make(tmp_path, noisy(8, (0.5, 0.6, 0.7, 0.8), 0.001))
    text = over_cohorts.conclusion(study)
    assert text.startswith(
        "Over 8 cohorts the 4 methods differ (Friedman's test, the same ranking on every cohort, p < 0"
    )
    assert not any("by itself" in sentence for sentence in over_cohorts.description(study))
    assert text.endswith(
        "Sparse ViT + SVM has the best average rank (1.00); it is told apart from Pure ViT + SVM, Baseline CNN + SVM, "
        "but not from Contrastive ViT + SVM."
    )


def test_a_method_that_is_told_apart_from_all_others(tmp_path):
    study = make(tmp_path, noisy(30, (0.5, 0.6, 0.7, 0.8), 0.001))
    assert over_cohorts.conclusion(study).endswith("(1.00) and is told apart from every other method.")


def test_a_difference_that_the_critical_difference_does_not_place(tmp_path):
    study = make(tmp_path, noisy(8, (0.5, 0.6, 0.7, 0.8), 0.001))
    study.__dict__["ranks"] = study.ranks.assign(groups="1")
    assert over_cohorts.conclusion(study).endswith("(1.00), but no method is told apart from it.")


@pytest.mark.parametrize(
    ("n_cohorts", "words"),
    [
        (5, "Over 5 cohorts no difference between 2 methods is found (Wilcoxon's signed ranks, p = 0.062)"),
        (6, "Over 6 cohorts the 2 methods differ (Wilcoxon's signed ranks, p = 0.031). Pure ViT + SVM has the best"),
    ],
)
def test_two_methods(tmp_path, n_cohorts, words):
    study = make(tmp_path, noisy(n_cohorts, (0.5, 0.8), 0.001), ARMS[:2])
    assert over_cohorts.conclusion(study).startswith(words)
    assert not any("Nemenyi" in sentence for sentence in over_cohorts.description(study))


def test_equal_scores_leave_nothing_to_test(tmp_path):
    study = make(tmp_path, np.full((6, 4), 0.7))
    assert over_cohorts.conclusion(study) == (
        "All methods are equal on every cohort, so there is nothing to test over cohorts."
    )
    assert not any("Best average rank" in sentence for sentence in over_cohorts.description(study))


def test_one_method_leaves_nothing_to_compare(tmp_path):
    study = make(tmp_path, noisy(6)[:, :1], ARMS[:1])
    assert over_cohorts.conclusion(study).startswith("Fewer than two methods have an estimate on every cohort")
    assert over_cohorts.description(study) == []


def test_what_is_not_ranked_is_named_with_the_cohorts(tmp_path):
    scores = noisy(6)
    scores[1, 3] = scores[4, 3] = np.nan
    study = make(tmp_path, scores)
    assert over_cohorts.description(study)[-1] == (
        "Not ranked: Sparse ViT + SVM, without an estimate on cohort1, cohort4."
    )
    assert over_cohorts.ranks(study).rows[-1][-1].text == "not ranked"


def test_power_and_critical_difference_of_ten_methods_on_three_cohorts(tmp_path):
    arms = tuple(f"arm{number}" for number in range(10))
    text = " ".join(over_cohorts.description(make(tmp_path, noisy(3, (0.6,) * 10), arms)))
    assert "Nemenyi's critical difference is 7.82 ranks of 9 possible." in text
    assert "; 80% would take 23 cohorts." in text
    assert "No two average ranks" not in text
    one = " ".join(over_cohorts.description(make(tmp_path / "one", noisy(1, (0.6,) * 10), arms)))
    assert "of 9 possible. No two average ranks can lie that far apart." in one
    assert "of studies" not in one


GRID = [[0.76, 0.64], [0.54, 0.46]]


def test_what_arm_and_classifier_explain(tmp_path):
    study = make(tmp_path, [GRID], ARMS[:2], ("svm", "src"))
    assert over_cohorts.factor_sentences(study) == [
        "On cohort0 the arm explains 79% of the variance between methods, the classifier 20%, their interaction and "
        "noise < 1%; the estimates run from 0.460 to 0.760."
    ]


def test_a_narrow_range_may_be_noise(tmp_path):
    grid = 0.6 + 0.1 * (np.array(GRID) - 0.6)
    (sentence,) = over_cohorts.factor_sentences(make(tmp_path, [grid], ARMS[:2], ("svm", "src")))
    assert sentence.endswith("That range is narrower than a typical 95% interval (0.200), so the shares may be noise.")


def test_an_arm_without_an_estimate_is_named(tmp_path):
    (sentence,) = over_cohorts.factor_sentences(make(tmp_path, [[*GRID, [np.nan, 0.5]]], ARMS[:3], ("svm", "src")))
    assert sentence.endswith("Left out, since estimates are missing: Contrastive ViT.")


def test_one_classifier_is_no_factor(tmp_path):
    study = make(tmp_path, noisy(1))
    assert over_cohorts.factor_sentences(study) == [
        "cohort0: arm and classifier cannot be compared (one classifier only)."
    ]
    assert over_cohorts.factors(study).rows[0][-1].text == "n/a"
