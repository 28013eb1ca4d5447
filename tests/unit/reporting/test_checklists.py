"""Checklists of reporting guidelines: every item, filled in where the study knows the answer, and only there."""

import pytest

from sixgig.reporting.checklists.answers import Answers
from sixgig.reporting.checklists.items import CLAIM, TRIPOD_AI
from sixgig.reporting.checklists.tables import claim, tripod_ai
from sixgig.reporting.verdict import judge
from sixgig.results.study import Study
from sixgig.words.showing import showing
from sixgig.words.titles import arm_title

BLANK = "To be filled in by the authors."


@pytest.fixture(scope="module")
def shown(drawn_study):
    study = Study(drawn_study)
    with showing(study):
        return {
            name: {row[0].text: row[2].text for row in view(study).rows}
            for name, view in (("tripod", tripod_ai), ("claim", claim))
        }


def test_items_are_those_of_the_guidelines():
    """TRIPOD+AI (2024) has 27 items, 52 with their parts; CLAIM (update of 2024) has 44."""
    assert len({item.number.rstrip("abcdefg") for item in TRIPOD_AI}) == 27
    assert len(TRIPOD_AI) == len({item.number for item in TRIPOD_AI}) == 52
    assert [item.number for item in CLAIM] == [str(number) for number in range(1, 45)]
    assert {item.answer for item in (*TRIPOD_AI, *CLAIM)} - {""} == {
        name for name in dir(Answers) if not name.startswith("_")
    }


def test_what_only_the_authors_know_is_left_to_them(shown):
    for number in ("1", "3a", "5b", "17", "18a", "18d", "19", "27a", "27c"):
        assert shown["tripod"][number] == BLANK, number
    for number in ("1", "13", "16", "18", "34", "44"):
        assert shown["claim"][number] == BLANK, number


def test_the_study_answers_with_its_own_numbers(shown, drawn_study):
    study = Study(drawn_study)
    tripod, claim_items = shown["tripod"], shown["claim"]
    assert "5-fold cross-validation, 3 times" in tripod["12a"]
    assert claim_items["20"] == tripod["12a"]
    assert "BraTS phantom (simulated): " in tripod["5a"]
    assert "(simulated)" in tripod["5a"]
    assert "Simulated cohorts (BraTS phantom (simulated), ACDC phantom (simulated))" in tripod["26"]
    best = max(study.estimates("elpv").items(), key=lambda entry: float(entry[1]["estimate"]))[1]
    assert f"{best['estimate']:.3f} [{best['ci_low']:.3f}, {best['ci_high']:.3f}]" in tripod["23a"]
    assert "selected" in tripod["23a"]
    assert "0123456789abcdef" in tripod["18f"]
    assert "sklearn 1.9.1" in claim_items["23"]
    assert "probabilities of SVM, ranks of SRC" in tripod["15"]
    assert tripod["16"].endswith("after the cohort: ELPV solar cells (held out); scored once.")
    with showing(study):
        assert f"ELPV solar cells: {judge(study, 'elpv').headline}" in tripod["25"].replace("; BraTS", ".; BraTS")
    planned = study.contrasts[study.contrasts["cohort"] == "elpv"].iloc[0]
    with showing(study):
        pair = f"{arm_title(planned['a'])} with {arm_title(planned['b'])}"
    assert f"Planned comparisons: ELPV solar cells: {pair}" in claim_items["6"]
