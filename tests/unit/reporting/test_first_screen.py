"""The first screen: what the best arm reaches, how far it lies from the cheapest, and what both take."""

import re

import numpy as np
import pytest

from sixgig.figures import forest, style
from sixgig.figures.catalogue import draw_figure
from sixgig.figures.cost_axis import arms_by_time
from sixgig.reporting import first_screen, page, planned
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.words import numbers
from sixgig.words.showing import showing
from sixgig.words.titles import cohort_title
from tests.unit.reporting.fake_study import write_fake_study

COHORT = "elpv"


@pytest.fixture
def study(tmp_path):
    return Study(write_fake_study(tmp_path / "fake", cohorts=(COHORT,)))


def facts(study):
    with showing(study):
        return dict(first_screen.facts(study, COHORT))


def plan(study, verdict, difference=0.12, low=0.02, high=0.22):
    rows = study.contrasts.iloc[:1].copy()
    rows[["question", "a", "b", "verdict"]] = ["baseline", "vit_pure", "baseline_cnn", verdict]
    rows[["difference", "ci_low", "ci_high", "rope"]] = [difference, low, high, 0.01]
    study.contrasts = rows


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("a better", "Pure ViT better"),
        ("b better", "Baseline CNN better"),
        ("equivalent", "equally good"),
        ("undecided", "undecided"),
        ("not testable: no shared folds", "not testable: no shared folds"),
    ],
)
def test_difference_from_the_cheapest_is_that_of_the_planned_comparison(study, verdict, words):
    plan(study, verdict)
    assert facts(study)["Difference from the cheapest"] == f"+0.120 [+0.020, +0.220], {words}"
    with showing(study):
        table = planned.planned(study, COHORT)
    cells = {column: cell.text for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert (cells["A"], cells["B"], cells["A minus B"], cells["Verdict"]) == (
        "Pure ViT", "Baseline CNN", "+0.120", words,
    )  # fmt: skip


def test_time_is_that_of_all_that_the_choice_inside_needs(study):
    plan(study, "undecided")
    own = study.budget[study.budget["arm"] == "vit_pure"]
    took = own["seconds_encode"].iloc[0] + own["seconds_classify"].sum()
    rows = arms_by_time(study, COHORT).set_index("arm")
    assert rows.index[0] == "baseline_cnn"  # the fastest first
    assert {*rows.index} == {"baseline_cnn", "vit_pure", "vit_sparse"}  # no control, and not the best one as such
    assert rows.loc["vit_pure", "seconds"] == pytest.approx(took)
    said = facts(study)
    least = numbers.seconds(rows.loc["baseline_cnn", "seconds"])
    assert said["Time"] == f"{numbers.seconds(took)} on the CPU; the cheapest, Baseline CNN, takes {least} on the CPU"
    assert "Energy of the GPU" not in said


def test_the_highest_estimate_is_the_one_that_the_verdict_names(drawn_study):
    study = Study(drawn_study)
    for cohort in study.cohorts:
        with showing(study):
            answer = first_screen.answers(study)[cohort]
        arm, shown = dict(answer.facts)["Highest estimate"].split(": ")
        sentence = next(text for text in answer.verdict.sentences if " has the highest " in text)
        assert sentence.startswith(f"{arm} has the highest balanced accuracy: {shown.partition(' ')[0]} (")


def test_the_cheapest_arm_has_nothing_to_pay_for(study):
    plan(study, "undecided")
    study.arm_summary.loc[study.arm_summary["arm"] == "baseline_cnn", "estimate"] = 0.999
    said = facts(study)
    assert said["Difference from the cheapest"] == "none: Baseline CNN is the cheapest"
    assert "cheapest" not in said["Time"]


def test_of_equal_estimates_that_of_the_faster_arm_is_named(study):
    plan(study, "undecided")
    study.arm_summary["estimate"] = 0.7 + 1e-13 * np.arange(len(study.arm_summary))
    assert facts(study)["Highest estimate"].startswith("Baseline CNN: 0.700")


def test_an_arm_of_unknown_cost_keeps_its_estimate(study):
    plan(study, "undecided")
    study.budget.loc[study.budget["arm"] == "vit_pure", "seconds_classify"] = np.nan
    said = facts(study)
    assert said["Highest estimate"].startswith("Pure ViT: ")
    assert said["Time"].startswith("not known; ")


def test_energy_and_minutes_of_a_card_are_said_where_it_told_them(study):
    plan(study, "undecided")
    mine = study.budget["arm"] == "vit_pure"
    study.budget.loc[mine, ["device", "seconds_train", "seconds_encode"]] = ["cuda", 0.0, 90.0]
    path = study.folder / "features" / COHORT / "vit_pure.json"
    write_json(path, read_json(path) | {"gpu": {"power_mean_watt": 300.0, "series": {"seconds": [0.0, 60.0]}}})
    said = facts(study)
    assert said["Energy of the GPU"] == "5 Wh"  # 300 W for a minute
    assert ", of it 1.5 GPU minutes; " in said["Time"]
    write_json(path, read_json(path) | {"gpu": {"power_mean_watt": None, "series": {"seconds": [0.0, 60.0]}}})
    assert "Energy of the GPU" not in facts(study)


def test_every_mark_of_the_forest_says_its_numbers_in_the_page(study):
    plan(study, "a better")
    figure = draw_figure(study, "forest", COHORT)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["Better than Baseline CNN, the cheapest?", "Pure ViT", "+0.120 [+0.020, +0.220]"]
    place = study.folder / "forest.svg"
    with style.style():
        figure.savefig(place)
    titles = re.findall(r'<g class="tells"><title>([^<]*)</title>', style.with_titles(place.read_text()))
    assert titles == ["Pure ViT − Baseline CNN: +0.120 [+0.020, +0.220], Pure ViT better"]


def test_lines_of_the_forest_stand_in_the_order_of_their_questions(study):
    rows = forest.of_cohort(study, COHORT)
    places = [[*forest.QUESTIONS].index(question) for question in rows["question"]]
    assert places == sorted(places)
    assert len(rows) == len(study.contrasts)


def test_a_word_is_explained_wherever_it_stands_alone():
    explained = page.explaining({"SRC": "a <classifier>", "Pure ViT": "an arm"})
    assert explained("Pure ViT + SRC & SRCs") == (
        '<abbr title="an arm">Pure ViT</abbr> + <abbr title="a &lt;classifier&gt;">SRC</abbr> &amp; SRCs'
    )


def test_a_title_that_two_cohorts_share_has_the_name_too(drawn_study):
    study = Study(drawn_study)
    with showing(study):
        assert cohort_title("elpv") == "ELPV solar cells"
    study = Study(drawn_study)
    cohorts = study.info["config"]["cohorts"]
    cohorts["elpv"]["title"] = cohorts["brats_phantom"]["title"] = "the same"
    cohorts["acdc_phantom"]["title"] = ""
    with showing(study):
        shown = [cohort_title(cohort) for cohort in ("elpv", "acdc_phantom")]
    assert shown == ["the same (elpv)", "acdc_phantom"]
