"""Snakemake's reasons in words."""

from pathlib import Path

import pytest

from sixgig.forecast.base import JobKey
from sixgig.forecast.dry_run import changed_values
from sixgig.forecast.needed import Reason, read_jobs, with_records
from sixgig.forecast.overview import overview
from sixgig.forecast.reasons import main_reason, reason_lines, sentence
from sixgig.runtime.owner import Ownership, living_owner
from sixgig.runtime.processes import OWNER
from sixgig.runtime.running import recorded
from tests.unit.forecast.made import COSTS, TITLES, job, jobs


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason("new", ("results/x/a.csv",)), "has never run"),
        (Reason("missing", ("results/x/report.html",)), "an output is missing: report.html"),
        (Reason("options", ("steps 3 -> 5", "seed 1 -> 2")), "its options changed: steps 3 -> 5, seed 1 -> 2"),
        (Reason("code"), "its code changed"),
        (Reason("killed"), "did not finish the last time (killed, or failed)"),
        (Reason("input", ("results/x/metrics.csv",)), "its input changed: metrics.csv"),
        (Reason("software"), "the versions of its libraries changed"),
        (Reason("input", tuple(f"results/x/{n}" for n in range(5))), "its input changed: 0, 1, 2, 2 more"),
        (
            Reason("follows", jobs=(JobKey("score"), JobKey("encode_images", "c.a"))),
            "what it reads is made anew: score, encode_images c.a",
        ),
    ],
)
def test_every_reason_has_a_sentence(reason, said):
    assert sentence(reason) == said


def test_a_reason_of_its_own_weighs_more_than_one_of_another_job():
    both = job("score", "", "statistics", reasons=[Reason("follows"), Reason("options")])
    assert main_reason(both).kind == "options"
    assert main_reason(job("score", "", "statistics", needed=False)) is None


def test_reasons_are_gathered_over_jobs():
    changed = Reason("options", ("atoms 6 -> 7",))
    made = jobs(
        encode_imagesc_a=job("encode_images", "c.a", "features", cohort="c", arm="a", reasons=[changed]),
        classifyc_a_s=job("classify", "c.a.s", "classify", cohort="c", arm="a", classifier="s", reasons=[changed]),
    )
    lines = reason_lines(made, overview(made, COSTS, TITLES).row_of)
    assert lines[0] == ("its options changed: atoms 6 -> 7", ["Arm A", "SVM"], 2)
    assert lines[1] == ("has never run", ["cohorts", "Arm B", "SVM", "statistics"], 4)


def test_files_that_changed_are_told_together():
    made = jobs(
        encode_imagesc_a=job(
            "encode_images", "c.a", "features", cohort="c", arm="a", reasons=[Reason("input", ("results/x/one.csv",))]
        ),
        encode_imagesc_b=job(
            "encode_images", "c.b", "features", cohort="c", arm="b",
            reasons=[Reason("input", ("results/x/one.csv", "results/x/two.csv")), Reason("follows")],
        ),
    )  # fmt: skip
    lines = reason_lines(made, overview(made, COSTS, TITLES).row_of)
    assert lines[0] == ("its input changed: one.csv, two.csv", ["Arm B", "Arm A"], 2)


def test_options_are_compared_value_by_value():
    before = [repr({"steps": 3, "decoder": {"width": 32, "depth": 1}, "weights": "vit"}), "7"]
    now = {"steps": 5, "decoder": {"width": 32, "depth": 2}, "weights": "vit"}
    assert changed_values("options", now, before) == ["decoder.depth 1 -> 2", "steps 3 -> 5"]
    assert changed_values("seed", 8, before) == ["seed 7 -> 8"]
    assert changed_values("options", {"other": 1}, before) == ["options"]
    assert changed_values("scope", "inductive", before) == ["scope"]


def test_what_the_dry_run_describes_is_read():
    described = [
        {
            "rule": "prepare", "name": "c", "stage": "cohorts", "wildcards": {"cohort": "c"}, "needed": True,
            "reasons": [{"kind": "code", "details": [], "jobs": []}], "after": [], "threads": 4, "mem_mb": 2000,
            "gpu": False,
        },
        {
            "rule": "score", "name": "", "stage": "statistics", "wildcards": {}, "needed": True,
            "reasons": [{"kind": "follows", "details": [], "jobs": [0]}], "after": [0], "threads": 1, "mem_mb": 500,
            "gpu": False,
        },
    ]  # fmt: skip
    first, second = read_jobs(described)
    assert first.key == JobKey("prepare", "c")
    assert (first.threads, first.reasons) == (4, (Reason("code"),))
    assert second.after == (first.key,)
    assert second.reasons == (Reason("follows", (), (first.key,)),)


def test_records_say_what_runs_and_what_was_cut_off(tmp_path):
    made = jobs()
    with recorded(tmp_path / "logs" / "prepare" / "c.log"):
        (found, *_) = with_records(made, tmp_path)
        assert found.running is not None
        assert [reason.kind for reason in found.reasons] == ["running"]
    with pytest.raises(ValueError, match="stop"), recorded(tmp_path / "logs" / "score.log"):
        raise ValueError("stop")
    first, *_, last = with_records(made, tmp_path)
    assert first == made[0]
    assert [reason.kind for reason in last.reasons] == ["killed"]


def test_what_a_living_run_has_just_started_was_not_cut_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OWNER, "")  # put back afterwards
    before, after = "1000.0", "9999999999.0"
    made = [
        job("prepare", "c", "cohorts", reasons=[Reason("killed", (after,))]),
        job("score", "", "statistics", reasons=[Reason("killed", (before,)), Reason("code")]),
    ]
    assert [one.reasons[0] for one in with_records(made, Path("results/x"))] == [Reason("killed"), Reason("killed")]
    owner = Ownership("x", tmp_path, print)
    owner.take()
    first, second = with_records(made, Path("results/x"))
    assert first.running is not None
    assert first.reasons == (Reason("running"),)
    assert second.running is None
    assert second.reasons == (Reason("killed"), Reason("code"))
    owner.release(finished=True)
    assert living_owner("x") is None
