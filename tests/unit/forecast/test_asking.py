"""What jobs ask a batch system for."""

import re
from types import SimpleNamespace

import pytest

from sixgig.forecast.asking import LEAST_MINUTES, SNAKEMAKE_MB, UNKNOWN_MINUTES, Asking, forecast_costs, job_name
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.study import forecast_study
from sixgig.runtime.places import WORKFLOW

COSTS = {
    JobKey("pretrain_arm", "acdc.vit_mim"): JobCost(seconds=3000.0, rss_mb=8000.0),
    JobKey("split_cohort", "acdc"): JobCost(seconds=2.0, rss_mb=100.0),
}
MIM, SPLIT = {"study": "s", "cohort": "acdc", "arm": "vit_mim"}, {"study": "s", "cohort": "acdc"}


def asking(elsewhere=True, device="auto", foresee=lambda plan: COSTS):
    return Asking(SimpleNamespace(config={"device": device}), elsewhere, foresee)


def test_memory_is_the_larger_of_the_rules_and_the_planned_and_that_of_snakemake_and_grows():
    there = asking()
    assert there.memory_mb(4000, "pretrain_arm", MIM, 1) == 8000 * 1.25 + SNAKEMAKE_MB
    assert there.memory_mb(500, "split_cohort", SPLIT, 1) == 500 + SNAKEMAKE_MB
    assert there.memory_mb(500, "split_cohort", SPLIT, 3) == 3 * (500 + SNAKEMAKE_MB)
    assert there.memory_mb(700, "score_predictions", {"study": "s"}, 2) == 2 * (700 + SNAKEMAKE_MB)


def test_run_time_is_three_times_the_planned_and_grows():
    there = asking()
    assert there.minutes("pretrain_arm", MIM, 1) == 150
    assert there.minutes("pretrain_arm", MIM, 2) == 300
    assert there.minutes("split_cohort", SPLIT, 1) == LEAST_MINUTES
    assert there.minutes("score_predictions", {}, 2) == 2 * UNKNOWN_MINUTES


def test_here_a_job_asks_for_what_its_rule_says_and_nothing_is_foreseen():
    def never(plan):
        raise AssertionError

    here = asking(elsewhere=False, device="cpu", foresee=never)
    assert here.memory_mb(4000, "pretrain_arm", MIM, 2) == 8000
    assert here.minutes("pretrain_arm", MIM, 1) == UNKNOWN_MINUTES
    assert here.cards == 1


def test_without_a_forecast_jobs_ask_for_what_their_rules_say_and_this_is_told(capsys):
    def broken(plan):
        raise ValueError("no rates")

    there = asking(foresee=broken)
    assert there.memory_mb(4000, "pretrain_arm", MIM, 1) == 4000 + SNAKEMAKE_MB
    assert there.minutes("pretrain_arm", MIM, 1) == UNKNOWN_MINUTES
    assert capsys.readouterr().err.count("no forecast of memory and times (ValueError: no rates)") == 1


@pytest.mark.parametrize(("device", "cards"), [("cpu", 0), ("auto", 1), ("cuda", 1)])
def test_a_study_on_processors_asks_a_cluster_for_no_card(device, cards):
    assert asking(device=device).cards == cards


@pytest.mark.parametrize(
    ("wildcards", "name"),
    [
        ({"study": "s"}, ""),
        ({"weights": "vit", "study": "s"}, "vit"),
        ({"classifier": "svm", "arm": "vit", "study": "s", "cohort": "a"}, "a.vit.svm"),
        ({"study": "s", "cohort": "a", "other": "b", "arm": "vit"}, "a.vit.on.b"),
    ],
)
def test_a_job_is_found_by_the_name_of_its_log(wildcards, name):
    assert job_name(wildcards) == name


def test_the_card_of_the_nodes_may_be_named(monkeypatch):
    monkeypatch.setenv("SIXGIG_NODE_CARD", "RTX 3050 6GB Laptop")
    asked = []
    monkeypatch.setattr("sixgig.forecast.study.forecast_study", lambda plan, machine: asked.append(machine) or {})
    forecast_costs(None)
    assert asked[0].card.name == "RTX 3050 6GB Laptop"
    assert callable(forecast_study)


def test_every_rule_with_work_asks_for_memory_that_grows_and_for_a_run_time():
    text = "\n".join(file.read_text() for file in sorted((WORKFLOW / "rules").glob("*.smk")))
    rules = re.split(r"^ *(?=rule \w+:)", text, flags=re.MULTILINE)[1:]
    work = [rule for rule in rules if re.search(r"^\s+(script|shell):", rule, flags=re.MULTILINE)]
    assert len(work) > 30
    for rule in work:
        assert "mem_mb=growing(" in rule, rule[:60]
        assert "runtime=minutes," in rule, rule[:60]
    assert not re.search(r"gpu=\d", text)
    assert not re.search(r"retries: \d", text)
