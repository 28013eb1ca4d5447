"""What the jobs of a cohort with `shards` take: each its share of the work, and one that gathers what they made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.stages import Stages

#: Resident memory of a job that gathers and starts no network, in MiB.
_GATHERING_MB = 260.0


def preparation(stages: Stages, cohort: str) -> Iterator[tuple[JobKey, JobCost]]:
    """Yield the jobs that prepare a cohort, each with its cost."""
    yield from _in_shards(stages, "prepare", cohort, cohort, stages.prepare(cohort), stages.machine.start_s)


def encoding(stages: Stages, cohort: str, arm: str) -> Iterator[tuple[JobKey, JobCost]]:
    """Yield the jobs that encode a cohort with an arm, each with its cost."""
    whole = stages.encode(cohort, arm)
    yield from _in_shards(stages, "encode", f"{cohort}.{arm}", cohort, whole, stages.machine.torch_start_s)


def shard_keys(plan_shards: int, stage: str, name: str) -> list[JobKey]:
    """Return the jobs of the shards of a stage, ``prepare`` or ``encode``; none where one job does all."""
    return [JobKey(f"{stage}_shard", f"{name}.{number}") for number in range(1, plan_shards + 1) if plan_shards > 1]


def _in_shards(
    stages: Stages, stage: str, name: str, cohort: str, whole: JobCost, start: float
) -> Iterator[tuple[JobKey, JobCost]]:
    number = stages.plan.shards(cohort)
    rule = "prepare_cohort" if stage == "prepare" else "encode_images"
    if number == 1:
        yield JobKey(rule, name), whole
        return
    share = replace(
        whole,
        seconds=start + max(0.0, whole.seconds - start) / number,
        disk_mb=0.0,  # what they leave is gone when it has been gathered
    )
    for key in shard_keys(number, stage, name):
        yield key, share
    copying = 2 * whole.disk_mb / stages.machine.disk_mb_s
    yield (
        JobKey(rule, name),
        replace(
            whole, seconds=stages.machine.start_s + copying, gpu=False, vram_mb=0.0,
            rss_mb=min(whole.rss_mb, _GATHERING_MB + whole.disk_mb), batch_size=None,
        ),
    )  # fmt: skip
