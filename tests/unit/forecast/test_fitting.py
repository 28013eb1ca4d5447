"""Whether a study fits, and what would make it fit."""

from dataclasses import replace

import pytest
import yaml

from sixgig.forecast import fitting
from sixgig.forecast.answer import Room
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.fitting import lay_out, problems, profile_memory, rooms, smaller_batches
from sixgig.forecast.machine import REFERENCE
from sixgig.forecast.overview import overview
from sixgig.forecast.user_table import user_table
from sixgig.plan.plan import Plan
from tests.unit.forecast.made import COSTS, TITLES, jobs

CARD = machine_with_card("RTX 3050 6GB Laptop")


@pytest.fixture
def plan():
    study = """
study: x
cohorts: {c: {adapter: acdc, source: {phantom: {kind: acdc, subjects: 20}}}}
weights: {w: {source: {hub: {}}, converter: timm, model: resnet50.a1_in1k}}
arms: {baseline_cnn: {weights: w, batch_size: 32}}
controls: {random_vit: false}
"""
    return Plan(yaml.safe_load(study), look=False)


def at_most(limit_per_image):
    """Forecasts of a study: GPU memory grows with the batch and the image."""

    def forecast(plan):
        batch = plan.config["arms"]["baseline_cnn"]["batch_size"]
        mb = limit_per_image * batch * (plan.config["image"]["size"] / 224) ** 2
        return {JobKey("encode_images", "c.baseline_cnn"): JobCost(10, mb, vram_mb=mb, gpu=True)}

    return forecast


def one_job(plan, forecast):
    costs = dict(forecast(plan))
    job = replace(jobs()[1], key=JobKey("encode_images", "c.baseline_cnn"), after=())
    return [job], costs


def test_rooms_are_the_largest_of_memory_and_the_sum_of_files(plan):
    laid = lay_out(jobs(), COSTS, 2)
    vram, memory, disk = rooms(plan, CARD, jobs(), COSTS, laid, here=False)
    assert (vram.name, vram.needed_mb, vram.there_mb) == ("GPU memory", 4000, 6144)
    assert (memory.needed_mb, memory.there_mb) == (laid.peak_rss_mb, CARD.memory_mb)
    assert (disk.needed_mb, disk.there_mb) == (62 + 20, None)


def test_memory_counts_what_runs_at_the_same_time():
    # While arm A is encoded (1000 MiB), the features of arm B are classified.
    assert lay_out(jobs(), {**COSTS, JobKey("classify", "c.b.s"): JobCost(50, 900)}, 8).peak_rss_mb == 1900
    assert lay_out(jobs(), {**COSTS, JobKey("classify", "c.b.s"): JobCost(50, 900)}, 1).peak_rss_mb == 1500


def test_a_smaller_batch_that_fits_is_named(plan):
    forecast = at_most(400)
    made, costs = one_job(plan, forecast)
    (problem,) = problems([Room("GPU memory", 12800, 6144)], made, costs, plan, forecast)
    assert problem.reason == "encode_images c.baseline_cnn takes 12.5 GB of 6.0 GB"
    assert problem.next_step == "set arms.baseline_cnn.batch_size: 8 (3.1 GB)"


def test_a_smaller_image_is_named_where_no_batch_fits(plan):
    forecast = at_most(400)
    made, costs = one_job(plan, forecast)
    (problem,) = problems([Room("GPU memory", 12800, 300)], made, costs, plan, forecast)
    assert problem.next_step == "set arms.baseline_cnn.batch_size: 1 and image.size: 96 (73 MB)"
    (problem,) = problems([Room("GPU memory", 12800, 20)], made, costs, plan, forecast)
    assert problem.next_step == "take a smaller network, or set device: cpu"


def test_a_network_of_which_no_batch_fits_would_run_on_the_processor(plan):
    def forecast(plan):
        fits = plan.config["image"]["size"] <= 160
        cost = JobCost(60 if fits else 7200, 900, vram_mb=5000.0 if fits else 0.0, gpu=True, batch_size=1)
        return {JobKey("encode_images", "c.baseline_cnn"): cost}

    made, costs = one_job(plan, forecast)
    (problem,) = problems([], made, costs, plan, forecast, card=True)
    assert problem.reason == (
        "not even a batch of 1 of encode_images c.baseline_cnn fits 6.0 GB; on the processor it takes 2 h 00 min"
    )
    assert problem.next_step == "set image.size: 160 (4.9 GB)"
    assert problems([], made, costs, plan, forecast) == []


def test_the_batch_that_fits_is_named(plan):
    made, costs = one_job(plan, lambda plan: {JobKey("encode_images", "c.baseline_cnn"): JobCost(1, 1, 5000)})
    made = [replace(made[0], wildcards={"cohort": "c", "arm": "baseline_cnn"})]
    asked = {key: replace(cost, batch_size=32) for key, cost in costs.items()}
    assert smaller_batches(plan, made, asked) == []
    halved = {key: replace(cost, batch_size=16) for key, cost in costs.items()}
    assert smaller_batches(plan, made, halved) == [
        "baseline_cnn starts with a batch of 16 instead of 32 on c, which fits"
    ]


def test_what_fits_is_no_problem(plan):
    made, costs = one_job(plan, at_most(10))
    assert problems([Room("GPU memory", 320, 6144), Room("disk", 9e9, None)], made, costs, plan, at_most(10)) == []


def test_a_full_disk_says_how_much_is_lacking(plan):
    (problem,) = problems([Room("disk", 5000, 4000)], [], {}, plan, at_most(1))
    assert problem.reason == "results and downloads take 4.9 GB and 3.9 GB are free"
    assert problem.next_step == "free 2.0 GB more, or start the study in a folder on another disk"


def test_fewer_cores_where_jobs_fit_one_by_one(plan):
    costs = {**COSTS, JobKey("classify", "c.b.s"): JobCost(50, 900)}
    (problem,) = problems([Room("memory", 1900, 1600)], jobs(), costs, plan, at_most(1))
    assert problem.reason == "jobs that run at the same time take 1.9 GB together, and 1.6 GB are free"
    assert problem.next_step == "run with --cores 1: 1.5 GB; or close other programs"


def test_memory_of_one_job(plan):
    (problem,) = problems([Room("memory", 1500, 1400)], jobs(), COSTS, plan, lambda plan: {})
    assert problem.reason == "encode_images c.b takes 1.5 GB of 1.4 GB"
    assert problem.next_step == "close other programs, or add 100 MB of swap"


def test_the_profile_says_how_much_jobs_may_reserve(tmp_path):
    assert profile_memory() == 5000
    (tmp_path / "other.yaml").write_text("jobs: 3\n")
    assert profile_memory(tmp_path / "other.yaml") is None


def test_disk_and_memory_of_this_machine_are_asked_for(plan, monkeypatch):
    monkeypatch.setattr(fitting, "free_disk", lambda: 7.0)
    monkeypatch.setattr(fitting, "free_memory", lambda: 8.0)
    found = rooms(plan, REFERENCE, jobs(), COSTS, lay_out(jobs(), COSTS, 2), here=True)
    assert [room.there_mb for room in found] == [6144, 8.0, 7.0]


def test_the_users_table_stands_beside_ours():
    made = [
        replace(job, wildcards={**job.wildcards, "arm": {"a": "vit_mim", "b": "vit_pure"}[job.wildcards["arm"]]})
        if "arm" in job.wildcards
        else job
        for job in jobs()
    ]
    lines = user_table(overview(made, COSTS, TITLES), 650)
    assert [(line.name, line.low, line.high, line.seconds) for line in lines] == [
        ("vit_mim", 8, 16, 200), ("vit_pure", 3, 6, 300), ("classify", 1, 3, 90), ("statistics", 1 / 6, 0.5, 10),
        ("total", 20, 40, 650),
    ]  # fmt: skip
