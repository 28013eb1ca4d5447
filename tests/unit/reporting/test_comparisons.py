"""The tables of pairs show every test of every pair, and say what was not tested and why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from sixgig.reporting import comparisons
from sixgig.results.study import Method, Study
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.words import numbers


@pytest.fixture
def folder(drawn_study: Path, tmp_path: Path) -> Path:
    """A copy of the fake study that a test may change."""
    return Path(shutil.copytree(drawn_study, tmp_path / "fake"))


def column(view, title):
    return [row[view.columns.index(title)].text for row in view.rows]


def test_all_tests_of_two_classes(drawn_study):
    study = Study(drawn_study)
    view = comparisons.tests(study, "elpv")
    assert len(view.rows) == 36
    assert view.columns[-2:] == ["AUC, A minus B", "DeLong p (Holm)"]
    a, b = Method("baseline_cnn", "svm"), Method("vit_pure", "svm")
    names = ["Baseline CNN + SVM", "Pure ViT + SVM"]
    row = next(row for row in view.rows if [row[0].text, row[1].text] == names)
    bayesian, mcnemar, delong = (study.pairs.row("elpv", a, b, test) for test in ("bayesian", "mcnemar", "delong"))
    assert [cell.text for cell in row[2:]] == [
        *(str(mcnemar[name]) for name in ("only_a_right", "only_b_right")),
        numbers.p_value(mcnemar["p_holm"]),
        numbers.difference(delong["difference"]),
        numbers.p_value(delong["p_holm"]),
    ]
    pairs = comparisons.pairs(study, "elpv")
    explored = next(row for row in pairs.rows if [row[0].text, row[1].text] == names)
    place = pairs.columns.index("P(A better)")
    assert [cell.text for cell in explored[place : place + 3]] == [
        numbers.probability(bayesian[name]) for name in ("p_a_better", "p_equivalent", "p_b_better")
    ]


def test_nothing_that_decides_no_verdict_is_bold(drawn_study):
    study = Study(drawn_study)
    assert {"a better", "b better"} & set(study.pairwise["verdict"])
    assert {"a better", "b better"} & set(study.mcnemar["verdict"])
    for view in (comparisons.pairs(study, "elpv"), comparisons.tests(study, "elpv")):
        assert not any(cell.strong for row in view.rows for cell in row)
    assert "to explore; no verdict rests on it" in comparisons.pairs(study, "elpv").caption
    assert "are the predictions of these fitted models different?" in comparisons.tests(study, "elpv").caption


def test_a_contradiction_is_explained_in_one_sentence(folder):
    """The t-test over folds finds a better and McNemar's test finds b better, in one row."""
    study = Study(folder)
    assert comparisons.contradictions(study, "elpv") == ""
    pair = {"arm_a": "baseline_cnn", "classifier_a": "svm", "arm_b": "vit_pure", "classifier_b": "svm"}
    for table, verdict in ((PAIRWISE, "a better"), (MCNEMAR, "b better")):
        frame = getattr(study, table.name.removesuffix(".csv")).copy()
        row = (frame["cohort"] == "elpv") & (frame[list(pair)] == pd.Series(pair)).all(axis=1)
        frame.loc[row, "verdict"] = verdict
        table.write(frame, folder / "statistics" / table.name)
    said = comparisons.contradictions(Study(folder), "elpv")
    assert said == (
        "Some point the other way than the comparisons over folds (McNemar: Pure ViT + SVM before Baseline CNN + SVM): "
        "they count what these fitted models are right about, each subject alike, and the comparisons ask which arm "
        "reaches the higher balanced accuracy when it is trained on such a sample."
    )
    assert said in comparisons.tests(Study(folder), "elpv").caption


def test_more_classes_have_no_column_of_delong_and_are_told_why(drawn_study):
    view = comparisons.tests(Study(drawn_study), "acdc_phantom")
    assert view.columns[-1] == "McNemar p (Holm)"
    assert "DeLong's test needs two classes, and this cohort has 5." in view.caption
    assert "better by more than 0.010" in comparisons.pairs(Study(drawn_study), "acdc_phantom").caption


def test_a_failed_arm_is_in_no_pair(drawn_study):
    view = comparisons.tests(Study(drawn_study), "brats_phantom")
    assert len(view.rows) == 21  # 7 of 9 methods finished
    assert not any("Sparse" in name for name in column(view, "A") + column(view, "B"))


def test_a_pair_that_is_not_testable_is_shown_as_such(folder):
    study = Study(folder)
    changed = study.pairwise.copy()
    own = changed["cohort"] == "elpv"
    first = changed[own].index[0]
    for name in ("ci_low", "ci_high", "t", "p_value", "p_holm", "effect_size", "detectable"):
        changed.loc[first, name] = None
    changed.loc[first, "verdict"] = "not testable"
    PAIRWISE.write(changed, folder / "statistics" / "pairwise.csv")
    for view in (comparisons.pairs(Study(folder), "elpv"),):
        assert [cell.text for cell in view.rows[-1][:2]] == ["Baseline CNN + SVM", "Baseline CNN + SRC"]
        assert "n/a" in [cell.text for cell in view.rows[-1]]
    pairs = comparisons.pairs(Study(folder), "elpv")
    assert (pairs.rows[-1][-1].text, pairs.rows[-1][-1].strong) == ("not testable", False)
    assert "Holm's correction over 35 comparisons" in pairs.caption


def test_a_pair_without_shared_folds_keeps_its_tests_over_subjects(folder):
    study = Study(folder)
    for table in (PAIRWISE, BAYESIAN):
        frame = getattr(study, table.name.removesuffix(".csv"))
        table.write(frame.drop(index=frame.index[0]), folder / "statistics" / table.name)
    view = comparisons.tests(Study(folder), "elpv")
    assert len(view.rows) == 36
    own = next(row for row in view.rows if [row[0].text, row[1].text] == ["Baseline CNN + SVM", "Baseline CNN + SRC"])
    assert "n/a" not in [cell.text for cell in own]


def test_no_pairs_at_all(folder):
    for table in (PAIRWISE, BAYESIAN, MCNEMAR, DELONG):
        table.write(pd.DataFrame(columns=table.column_names), folder / "statistics" / table.name)
    study = Study(folder)
    assert comparisons.pairs(study, "elpv").rows == comparisons.tests(study, "elpv").rows == []


@pytest.mark.parametrize("test", ["pairwise", "bayesian", "mcnemar", "delong"])
def test_every_test_reads_the_same_from_both_sides(drawn_study, test):
    study = Study(drawn_study)
    a, b = Method("baseline_cnn", "svm"), Method("vit_pure", "src")
    forth, back = study.pairs.row("elpv", a, b, test), study.pairs.row("elpv", b, a, test)
    assert (back["arm_a"], back["classifier_a"], back["arm_b"], back["classifier_b"]) == (*b, *a)
    pairs = {"pairwise": ("difference", "t"), "delong": ("difference", "z")}.get(test, ())
    assert all(forth[name] == -back[name] for name in pairs)
    twins = {"bayesian": "p_{}_better", "mcnemar": "only_{}_right", "delong": "auc_{}"}.get(test)
    assert twins is None or forth[twins.format("a")] == back[twins.format("b")]
    assert study.pairs.row("elpv", a, Method("none", "svm"), test) is None
