"""The forecast of label-fraction curves: a job for every method, which waits for features and feeds the figures."""

from sixgig.forecast.base import JobKey
from sixgig.forecast.needs import needs_of
from sixgig.forecast.study import forecast_study

SHARES = [1.0, 0.1, 0.5]


def test_curves_add_jobs_and_change_no_other(plan_of, machine):
    without, plan = plan_of(), plan_of(evaluation__fractions=SHARES)
    before, costs, needs = forecast_study(without, machine), forecast_study(plan, machine), needs_of(plan)
    assert set(costs) == set(needs)
    further = set(costs) - set(before)
    assert {job.rule for job in further} == {"classify_fractions", "score_fractions"}
    assert len(further) == 42 + 1
    assert {job: costs[job] for job in before if job.rule != "hash_outputs"} == {
        job: cost for job, cost in before.items() if job.rule != "hash_outputs"
    }
    method = "elpv.vit_pure.svm"
    assert needs[JobKey("classify_fractions", method)] == needs[JobKey("classify_subjects", method)]
    assert JobKey("classify_fractions", method) in needs[JobKey("score_fractions")]
    for reader in (JobKey("draw_figures", "elpv"), JobKey("write_report"), JobKey("export_tables")):
        assert JobKey("score_fractions") in needs[reader]
    one, both = costs[JobKey("classify_subjects", method)], costs[JobKey("classify_fractions", method)]
    assert both.seconds < 2 * one.seconds  # a tenth and a half of the subjects


def test_plans_name_the_fractions_below_one_in_order(plan_of):
    plan = plan_of(evaluation__fractions=SHARES)
    assert plan.fractions == [0.1, 0.5]
    assert "results/default/fractions.csv" in plan.targets("statistics")
    assert "results/default/tables/elpv.fractions.csv" in plan.tables()
    assert plan.fraction_predictions("csv")[0].startswith("results/default/fractions/elpv/")
    assert len(plan.fraction_keys) == 42
    assert "results/default/figures/elpv/fractions.svg" in plan.figures("svg")
    without = plan_of()
    assert (without.has_fractions, without.fractions, without.fraction_keys) == (False, [], [])
    assert "results/default/fractions.csv" not in without.targets("statistics")
