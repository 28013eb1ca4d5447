"""Who it works for: sentences and tables of groups of subjects."""

from dataclasses import replace

import pandas as pd
import pytest

from sixgig.evaluation.metrics import METRICS
from sixgig.figures.catalogue import draw_figure
from sixgig.reporting import groups
from sixgig.results.groups import leading_method, leading_methods
from sixgig.results.study import Study
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS
from sixgig.words.showing import showing
from sixgig.words.titles import method_title

COHORT = "brats_phantom"
HIGH, LOW = ("A", 0.78, 0.7, 0.85, 40), ("B", 0.61, 0.5, 0.7, 23)


@pytest.fixture
def section(drawn_study):
    """Return the section of a study whose leading method has these values, and these differences between them."""

    def of(values, differences, missing=0, by="", study_only=False):
        study = Study(drawn_study)
        method = leading_method(study, COHORT)
        key = (COHORT, *method, "balanced_accuracy", "scanner")
        rows = [(*key, name, None, *numbers, "wilson") for name, *numbers in values]
        rows += [(*key, kind, between, *numbers, 63, "mover") for kind, between, *numbers in differences]
        table = pd.DataFrame(rows, columns=GROUPS.column_names)
        study.__dict__["groups"] = GROUPS.check(table, "groups")
        own = [(f"s{number}", "scanner", None if number < missing else "A") for number in range(10)]
        subjects = SUBJECT_GROUPS.check(pd.DataFrame(own, columns=SUBJECT_GROUPS.column_names), "groups")
        study.subject_groups = lambda cohort: subjects
        if by:
            splits = study.splits(COHORT)
            fold = splits["fold"].fillna(0).astype(int)
            sited = splits.assign(group=[f"site {number}" for number in fold])
            study.splits = lambda cohort: sited
            study.info["config"].setdefault("cohorts", {}).setdefault(COHORT, {})["group_by"] = by
        if study_only:
            return study, method_title(method)
        with showing(study):
            (found,) = groups.sections(study)
            return found, method_title(method)

    return of


def test_a_difference_that_is_shown_is_said_in_words_the_lower_value_first(section):
    shown = [("difference", "A - B", 0.17, 0.03, 0.3), ("gap", "A - B", 0.17, 0.03, 0.3)]
    found, method = section([HIGH, LOW], shown)
    assert found.sentences == [
        f"The balanced accuracy of {method} is lower for scanner B than for A (0.610 against 0.780; 23 subjects)."
    ]
    (view,) = found.tables
    assert view.columns[1:] == ["A (40)", "B (23)", "Largest difference"]
    (cells,) = view.rows
    assert [cell.text for cell in cells[1:]] == [
        "0.780 [0.700, 0.850]",
        "0.610 [0.500, 0.700]",
        "0.170 [0.030, 0.300] (A - B)",
    ]
    assert cells[-1].strong


def test_a_difference_that_is_not_shown_is_not_claimed(section):
    open_ones = [("difference", "A - B", 0.17, -0.03, 0.3), ("gap", "A - B", 0.17, 0.0, 0.3)]
    found, _ = section([HIGH, LOW], open_ones)
    assert found.sentences == [
        "scanner: no difference is shown. The largest, A against B (0.780 and 0.610), may be chance; its interval is "
        "0.000 to 0.300."
    ]
    assert not found.tables[0].rows[0][-1].strong


def test_values_without_an_estimate_and_subjects_without_a_value_are_named(section):
    found, _ = section([HIGH, ("B", None, None, None, 4)], [], missing=3)
    assert found.sentences == [
        "scanner: too few subjects of a class for an estimate in B (4).",
        "3 of the cohort's subjects have no scanner; they are in none of its groups.",
    ]
    assert found.tables[0].rows[0][2].text == "too few"


def test_folds_of_sites_are_explained_and_arms_that_saw_them_are_named(section):
    found, _ = section([HIGH, LOW], [], by="scanner")
    assert found.sentences[0].startswith("Each scanner was tested once, by what was trained on the others: 5 folds")
    assert found.sentences[1].startswith("Arms that learn have seen images of every scanner that they are tested on")


def test_a_study_without_groups_has_no_section(drawn_study):
    study = Study(drawn_study)
    assert len(study.groups) == 0
    with showing(study):
        assert groups.sections(study) == []


def test_the_figure_and_the_exported_table_show_values_and_gap(section, drawn_study):
    differences = [("difference", "A - B", 0.17, 0.03, 0.3), ("gap", "A - B", 0.17, 0.03, 0.3)]
    few = ("C", None, None, None, 4)
    study, method = section([HIGH, LOW, few], differences, study_only=True)
    figure = draw_figure(study, "groups", COHORT)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A (40)", "B (23)", "C (4)"]
    gap = f"scanner: largest difference of {method} 0.170 [0.030, 0.300], A against B"
    assert axes.get_title("left").replace("\n", " ") == gap
    leading = [line for line in axes.lines if line.get_label() == method]
    assert [list(line.get_xdata()) for line in leading] == [[0.78, 0.61]]
    ends = [list(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "-"]
    assert [0.7, 0.85] in ends
    assert [0.5, 0.7] in ends
    with showing(study):
        view = groups.every(study, COHORT)
    assert [[cell.text for cell in row] for row in view.rows] == [
        ["scanner", method, "A", "40", "0.780 [0.700, 0.850]"],
        ["scanner", method, "B", "23", "0.610 [0.500, 0.700]"],
        ["scanner", method, "C", "4", "too few"],
        ["scanner", method, "Largest difference", "n/a", "0.170 [0.030, 0.300] (A - B)"],
    ]


def test_the_figure_of_a_cohort_without_groups_says_so(drawn_study):
    (axes,) = draw_figure(Study(drawn_study), "groups", COHORT).axes
    assert "this cohort has no groups of subjects with results" in axes.texts[0].get_text().replace("\n", " ")


@pytest.mark.parametrize("more_is_better", [True, False])
def test_the_leading_method_of_every_arm_has_its_best_estimate(drawn_study, more_is_better, monkeypatch):
    study = Study(drawn_study)
    metric = METRICS["balanced_accuracy"]
    monkeypatch.setitem(METRICS, "balanced_accuracy", replace(metric, higher_is_better=more_is_better))
    best = leading_methods(study, COHORT)
    rows = {method: row["estimate"] for method, row in study.estimates(COHORT).items()}
    assert [method.arm for method in best] == sorted({method.arm for method in best}, key=[m.arm for m in best].index)
    pick = max if more_is_better else min
    for method in best:
        assert rows[method] == pick(value for other, value in rows.items() if other.arm == method.arm)
    assert rows[best[0]] == pick(rows[method] for method in best)
    assert leading_method(study, COHORT) == best[0]
