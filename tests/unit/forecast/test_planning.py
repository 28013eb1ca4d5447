"""From a study file to a plan, with Snakemake's answer made up."""

import json
from dataclasses import replace

import pytest
import yaml

from sixgig.errors import SixgigError
from sixgig.forecast import needed, planning
from sixgig.forecast.base import JobKey
from sixgig.forecast.machine import REFERENCE
from sixgig.forecast.needed import Question, ask_snakemake
from sixgig.forecast.planning import make_plan
from sixgig.forecast.screen import screen
from sixgig.plan.inputs import BLIND
from tests.unit.forecast.made import job

STUDY = {
    "study": "x",
    "title": "A study",
    "device": "cpu",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 40}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What Snakemake was asked; it answers with one encoding."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    questions = []

    def ask(question, study):
        questions.append(question)
        return [job("encode_images", "c.baseline_cnn", "features", cohort="c", arm="baseline_cnn")]

    monkeypatch.setattr(planning, "ask_snakemake", ask)
    monkeypatch.setattr(planning, "this_machine", lambda: REFERENCE)
    return questions


SIMULATED = "simulated images, which say nothing about patients: c"


def with_data(tmp_path, **changes):
    cohort = {"adapter": "acdc", "source": {"path": "nowhere"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "cohorts": {"c": cohort}, **changes}))
    return [tmp_path / "study.yaml"]


def test_a_study_that_can_start(asked, tmp_path):
    found = make_plan([tmp_path / "study.yaml"], cores=1)
    assert (found.study, found.title, found.cores, found.device) == ("x", "A study", 1, "")
    assert found.costs[JobKey("encode_images", "c.baseline_cnn")].seconds == found.seconds > 0
    assert found.fits
    assert found.notes == [SIMULATED]
    assert [room.name for room in found.rooms] == ["memory", "disk"]
    assert all(room.there_mb > 0 for room in found.rooms)
    assert asked[0].look
    assert asked[0].cores == 1
    assert found.expected == ()


def test_few_test_folds_are_told(asked, tmp_path):
    entries = ["evaluation={folds: 3, repeats: 1}"]
    note, simulated = make_plan([tmp_path / "study.yaml"], entries).notes
    assert simulated == SIMULATED
    assert note.startswith("3 test folds (evaluation.folds times evaluation.repeats) show large differences only")
    assert make_plan([tmp_path / "study.yaml"], ["evaluation={folds: 5, repeats: 1}"]).notes == [SIMULATED]


def test_more_cores_than_there_are_are_not_planned_with(asked, tmp_path):
    assert make_plan([tmp_path / "study.yaml"], cores=99).cores == REFERENCE.cores


def test_data_that_are_not_there_keep_it_from_starting(asked, tmp_path):
    found = make_plan(with_data(tmp_path))
    assert not found.fits
    (problem,) = found.problems
    assert problem.what == "start"
    assert "cohorts.c.source.path nowhere does not exist" in problem.reason
    assert "cannot start: " in screen(found)
    assert not asked[0].look


def test_a_card_is_planned_for_without_data_and_without_a_card(asked, tmp_path):
    found = make_plan(with_data(tmp_path, device="cuda"), device="rtx 3050 6gb laptop")
    assert found.device == "RTX 3050 6GB Laptop"
    assert found.cores == 12
    assert not [problem for problem in found.problems if problem.what == "start"]
    assert found.notes == ["planned without the data of c, which are not there; their size is assumed"]
    assert [(line.title, line.low, line.high) for line in found.expected] == [
        ("Baseline CNN", 2, 4), ("in all", 20, 40),
    ]  # fmt: skip
    assert any("data sheet" in text for text in found.assumptions)


def test_what_failed_before_is_named(asked, tmp_path):
    folder = tmp_path / "results/x/features/c"
    folder.mkdir(parents=True)
    (folder / "baseline_cnn.json").write_text(json.dumps({"status": "failed: no rows"}))
    note, simulated = make_plan([tmp_path / "study.yaml"]).notes
    assert simulated == SIMULATED
    assert note.startswith("arm baseline_cnn on c failed: no rows; to try again: --forcerun ")


def test_a_job_without_a_forecast_is_named(asked, tmp_path, monkeypatch):
    made = [job("new_rule", "", "report")]
    monkeypatch.setattr(planning, "ask_snakemake", lambda question, study: made)
    assert make_plan([tmp_path / "study.yaml"]).notes == [SIMULATED, "no forecast for new_rule: counted as nothing"]


def test_what_snakemake_complains_about_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool = tmp_path / "python"
    tool.write_text(f'#!/bin/sh\necho "${BLIND}" > blind\necho "WorkflowError in file x:"\necho "no rule"\nexit 1\n')
    tool.chmod(0o755)
    monkeypatch.setattr(needed.sys, "executable", str(tool))
    with pytest.raises(SixgigError, match="study x: Snakemake cannot plan it: WorkflowError in file x: no rule"):
        ask_snakemake(Question([tmp_path / "s.yaml"], ["seed=3"], look=False), "x")
    assert (tmp_path / "blind").read_text() == "1\n"


def test_options_are_those_of_a_run(tmp_path):
    given = needed._options(Question([tmp_path / "s.yaml"], ["seed=3"], 4, options=["-F", "features"]))
    assert given[:6] == ["--configfile", str(tmp_path / "s.yaml"), "--config", "seed=3", "--workflow-profile", given[5]]
    assert given[6:8] == ["--cores", "4"]
    assert given[8] == "--snakefile"
    assert given[10:] == ["-F", "features"]
    assert "--workflow-profile" not in needed._options(replace(Question([tmp_path]), profile=None))
