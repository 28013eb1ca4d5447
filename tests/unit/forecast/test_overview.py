"""Jobs gathered by stage, arm and classifier."""

from dataclasses import replace

from sixgig.forecast.base import JobKey
from sixgig.forecast.fitting import lay_out
from sixgig.forecast.needed import Reason
from sixgig.forecast.overview import overview, remaining
from sixgig.runtime.running import Running
from tests.unit.forecast.made import COSTS, TITLES, job, jobs


def rows(found):
    return {row.name: row for row in found.rows}


def test_a_stage_sums_times_and_sizes_and_takes_the_largest_memory():
    found = rows(overview(jobs(), COSTS, TITLES))
    features = found["features"]
    assert (features.seconds, features.vram_mb, features.rss_mb, features.disk_mb) == (500, 4000, 1500, 10)
    assert features.batch_size == 4
    assert found["cohorts"].download_mb == 20
    assert found["classify"].title == "classifiers"


def test_arms_and_classifiers_follow_their_stage_in_the_order_of_their_titles():
    found = overview(jobs(), COSTS, TITLES)
    assert [row.title for row in found.rows] == [
        "cohorts", "features", "Arm B", "Arm A", "classifiers", "SVM", "statistics",
    ]  # fmt: skip
    assert rows(found)["a"].seconds == 200
    assert rows(found)["s"].seconds == 90


def test_what_need_not_run_costs_nothing():
    done = job("encode_images", "c.b", "features", needed=False, cohort="c", arm="b")
    found = overview(jobs(encode_imagesc_b=done), COSTS, TITLES)
    assert rows(found)["features"].seconds == 200
    assert (rows(found)["b"].n_needed, len(rows(found)["b"].jobs), rows(found)["b"].why) == (0, 1, "done")
    assert found.total.seconds == 400
    assert found.card_seconds == 200


def test_a_job_without_a_forecast_is_named():
    costs = {key: cost for key, cost in COSTS.items() if key.rule != "score"}
    assert overview(jobs(), costs).unknown == (JobKey("score"),)


def test_one_card_is_used_by_one_job_at_a_time():
    laid = lay_out(jobs(), COSTS, cores=8)
    assert laid.total == 100 + 300 + 200 + 40 + 10
    assert laid.critical_seconds == 100 + 300 + 50 + 10
    assert laid.critical_path == [
        JobKey("prepare", "c"), JobKey("encode_images", "c.b"), JobKey("classify", "c.b.s"), JobKey("score"),
    ]  # fmt: skip


def test_a_job_is_counted_in_the_line_of_its_arm():
    changed = job("encode_images", "c.a", "features", cohort="c", arm="a", reasons=[Reason("code")])
    found = overview(jobs(encode_imagesc_a=changed), COSTS, TITLES)
    assert found.row_of[JobKey("encode_images", "c.a")] == "Arm A"
    assert found.row_of[JobKey("prepare", "c")] == "cohorts"
    assert rows(found)["features"].why == "code, new"


def test_of_running_jobs_the_rest_counts():
    first, second, *_ = jobs()
    running = Running("prepare", "c", 1, "host", 0.0, done=30, total=50, rate=2.0)
    said_nothing = Running("encode_images", "c.a", 1, "host", 0.0)
    left = remaining([replace(first, running=running), replace(second, running=said_nothing)], COSTS)
    assert left[first.key] == replace(COSTS[first.key], seconds=10)
    assert left[second.key] == COSTS[second.key]
    assert left.keys() == COSTS.keys()
