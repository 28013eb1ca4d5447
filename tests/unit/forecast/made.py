"""A plan of a small study without Snakemake: two cohorts' jobs, with costs that add up by hand."""

from datetime import UTC, datetime

from sixgig.forecast.answer import Answer
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.fitting import lay_out
from sixgig.forecast.needed import Reason, StudyJob
from sixgig.forecast.overview import overview

NOW = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
TITLES = {"b": "Arm B", "a": "Arm A", "s": "SVM"}


def job(rule, name, stage, after=(), needed=True, reasons=None, **wildcards):
    found = (Reason("new"),) if reasons is None else tuple(reasons)
    gpu = rule == "encode_images"
    return StudyJob(
        JobKey(rule, name), stage, wildcards, needed, found if needed else (), tuple(after), 1, 500, gpu
    )  # fmt: skip


def jobs(**changes):
    """Preparation, two arms, one classifier for each, one table; changes by the job's name."""
    made = [
        job("prepare", "c", "cohorts", cohort="c"),
        job("encode_images", "c.a", "features", [JobKey("prepare", "c")], cohort="c", arm="a"),
        job("encode_images", "c.b", "features", [JobKey("prepare", "c")], cohort="c", arm="b"),
        *(
            job(
                "classify", f"c.{arm}.s", "classify", [JobKey("encode_images", f"c.{arm}")],
                cohort="c", arm=arm, classifier="s",
            )
            for arm in "ab"
        ),
        job("score", "", "statistics", [JobKey("classify", "c.a.s"), JobKey("classify", "c.b.s")]),
    ]  # fmt: skip
    return [changes.get(one.key.rule + one.key.name.replace(".", "_"), one) for one in made]


COSTS = {
    JobKey("prepare", "c"): JobCost(100, 800, disk_mb=50, download_mb=20),
    JobKey("encode_images", "c.a"): JobCost(200, 1000, vram_mb=3000, disk_mb=5, gpu=True, batch_size=8),
    JobKey("encode_images", "c.b"): JobCost(300, 1500, vram_mb=4000, disk_mb=5, gpu=True, batch_size=4),
    JobKey("classify", "c.a.s"): JobCost(40, 300, disk_mb=1),
    JobKey("classify", "c.b.s"): JobCost(50, 300, disk_mb=1),
    JobKey("score"): JobCost(10, 200),
}


def answer(made=None, cores=2, **fields):
    made = jobs() if made is None else made
    given = {
        "study": "x", "title": "A study", "file": "x.yaml", "machine": "a machine", "cores": cores, "device": "",
        "now": NOW, "jobs": made, "costs": COSTS, "overview": overview(made, COSTS, TITLES),
        "schedule": lay_out(made, COSTS, cores), **fields,
    }  # fmt: skip
    return Answer(**given)
