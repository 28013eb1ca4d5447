"""Past costs correct forecasts: exactly where nothing changed, in proportion where the work did."""

import pytest

from sixgig.forecast.base import JobKey
from sixgig.forecast.past import Measured, Past
from sixgig.forecast.study import forecast_study
from sixgig.runtime.atomic import write_json

JOB = JobKey("pretrain_arm", "elpv.vit_mim")


def benchmark(folder, place, seconds, rss="900.0"):
    path = folder / "benchmarks" / f"{place}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\tmax_vms\n{seconds}\t0:00:01\t{rss}\t1\n")


@pytest.fixture
def study(tmp_path):
    """A folder with the benchmarks of two jobs."""
    folder = tmp_path / "results" / "default"
    benchmark(folder, "pretrain_arm/elpv.vit_mim", 50.0)
    benchmark(folder, "collect_costs", 0.4, "NA")
    return folder


def test_benchmarks_are_read_by_rule_and_name(study):
    assert Past.of_study(study).jobs == {
        JOB: Measured(50.0, 900.0),
        JobKey("collect_costs"): Measured(0.4, 0.0),
    }


def test_a_study_that_never_ran_has_no_past(tmp_path):
    assert Past.of_study(tmp_path / "results" / "none").jobs == {}


def test_a_broken_benchmark_is_passed_over(study):
    (study / "benchmarks" / "describe_study.tsv").write_text("s\n")
    (study / "benchmarks" / "weigh_budget.tsv").write_bytes(b"\xff\xfe\x00")
    assert len(Past.of_study(study).jobs) == 2


def test_an_unchanged_job_takes_what_it_took(study, plan_of, machine):
    plan = plan_of()
    write_json(study / "study.json", {"config": plan.config})
    costs = forecast_study(plan, machine, Past.of_study(study))
    assert (costs[JOB].seconds, costs[JOB].basis) == (50.0, "measured")
    assert costs[JOB].rss_mb == pytest.approx(900)
    assert costs[JobKey("collect_costs")].rss_mb == forecast_study(plan, machine)[JobKey("collect_costs")].rss_mb
    assert costs[JobKey("pretrain_arm", "acdc_phantom.vit_mim")].basis == "computed"


def test_a_longer_training_takes_what_it_took_in_proportion(study, plan_of, machine):
    write_json(study / "study.json", {"config": plan_of().config})
    longer = plan_of(arms__vit_mim__steps=450)
    costs = forecast_study(longer, machine, Past.of_study(study))
    ratio = forecast_study(longer, machine)[JOB].seconds / forecast_study(plan_of(), machine)[JOB].seconds
    assert ratio > 2
    assert costs[JOB].seconds == pytest.approx(50 * ratio)


def test_another_study_lends_the_ratio_of_jobs_of_the_same_kind(study, plan_of, machine, tmp_path):
    plan = plan_of()
    write_json(study / "study.json", {"config": plan.config})
    past = Past.of_study(tmp_path / "results" / "new")
    computed, costs = forecast_study(plan, machine), forecast_study(plan, machine, past)
    ratio = 50 / computed[JOB].seconds
    other = JobKey("pretrain_arm", "brats_phantom.vit_mim")
    assert costs[other].seconds == pytest.approx(computed[other].seconds * ratio)
    assert costs[other].basis == "scaled"
    encode = JobKey("encode_images", "elpv.vit_pure")
    assert costs[encode] == computed[encode]


def test_a_study_of_another_processor_says_nothing(study, plan_of, machine):
    plan = plan_of()
    write_json(study / "study.json", {"config": plan.config, "machine": {"processor": "another"}})
    assert forecast_study(plan, machine, Past.of_study(study)) == forecast_study(plan, machine)


def test_a_training_that_went_on_counts_whole_and_one_that_failed_not(study):
    sidecar = study / "pretraining" / "elpv" / "vit_mim.json"
    sidecar.parent.mkdir(parents=True)
    facts = {"status": "ok", "steps": 100, "resumed_at": 50, "cost": {"seconds": 48.0}, "peak_vram_mb": 700.0}
    write_json(sidecar, {"pretraining": facts})
    assert Past.of_study(study).jobs[JOB] == Measured(100.0, 900.0, 700.0)
    write_json(sidecar, {"pretraining": facts | {"status": "failed: no subjects"}})
    assert JOB not in Past.of_study(study).jobs


def test_features_that_were_kept_count_as_what_they_took_then(study):
    benchmark(study, "encode_images/elpv.vit_pure", 3.0)
    sidecar = study / "features" / "elpv" / "vit_pure.json"
    sidecar.parent.mkdir(parents=True)
    write_json(sidecar, {"status": "ok", "seconds": 40.0})
    assert Past.of_study(study).jobs[JobKey("encode_images", "elpv.vit_pure")].seconds == 40.0
