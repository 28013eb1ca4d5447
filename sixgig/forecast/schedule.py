"""When each job runs on given cores, one card and so much memory: list scheduling, as Snakemake does it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sixgig.forecast.base import JobCost, JobKey


@dataclass(frozen=True)
class Slot:
    """When a job runs, in seconds from the start."""

    start: float
    end: float


@dataclass(frozen=True)
class Schedule:
    """When all jobs run.

    Attributes:
        slots: By job.
        total: When the last job ends, in seconds.
        critical_path: The chain of jobs that takes longest even with endless cores, first job first.
        critical_seconds: What that chain takes.
        peak_rss_mb: Most host memory that jobs hold together, in MiB.
    """

    slots: Mapping[JobKey, Slot]
    total: float
    critical_path: list[JobKey]
    critical_seconds: float
    peak_rss_mb: float


def schedule(
    costs: Mapping[JobKey, JobCost],
    needs: Mapping[JobKey, Collection[JobKey]],
    cores: int,
    *,
    gpus: int = 1,
    mem_mb: float | None = None,
    reserved_mb: Mapping[JobKey, float] | None = None,
) -> Schedule:
    """Lay out jobs on a machine.

    Whenever a job ends, those that are ready start, the longest remaining chain first, as far as cores, cards and
    memory allow. A job that asks for more than there is of cores or memory runs alone.

    Args:
        costs: What every job takes. Only these are laid out.
        needs: The jobs that a job waits for; those without costs are done.
        cores: Cores given.
        gpus: Jobs that may hold the card at a time.
        mem_mb: Memory that running jobs may reserve together; None for any.
        reserved_mb: What a job reserves of it; its expected memory where nothing is said.

    Raises:
        ValueError: Jobs wait for each other in a circle.
    """
    waiting = {job: {need for need in needs.get(job, ()) if need in costs} for job in costs}
    tails = _tails(costs, waiting)
    order = sorted(costs, key=lambda job: (-tails[job][0], job.rule, job.name))
    reserved = {job: (reserved_mb or {}).get(job, costs[job].rss_mb) for job in costs}
    room = float("inf") if mem_mb is None else mem_mb
    slots: dict[JobKey, Slot] = {}
    running: dict[JobKey, float] = {}
    now, peak, left = 0.0, 0.0, list(order)
    while left or running:
        for job in list(left):
            if any(need in running or need not in slots for need in waiting[job]):
                continue
            threads = min(costs[job].threads, cores)
            free = cores - sum(min(costs[other].threads, cores) for other in running)
            cards = gpus - sum(costs[other].gpu for other in running)
            memory = room - sum(min(reserved[other], room) for other in running)
            if threads > free or (costs[job].gpu and cards < 1) or min(reserved[job], room) > memory:
                continue
            running[job] = now + costs[job].seconds
            slots[job] = Slot(now, running[job])
            left.remove(job)
        if not running:
            raise ValueError(f"jobs wait for each other: {', '.join(f'{job.rule} {job.name}' for job in left[:3])}")
        peak = max(peak, sum(costs[job].rss_mb for job in running))
        now = min(running.values())
        running = {job: end for job, end in running.items() if end > now}
    chain = _chain(tails, order)
    return Schedule(slots, now, chain, tails[chain[0]][0] if chain else 0.0, peak)


def _tails(
    costs: Mapping[JobKey, JobCost], waiting: Mapping[JobKey, Collection[JobKey]]
) -> dict[JobKey, tuple[float, JobKey | None]]:
    """Return for every job the longest chain that begins with it: its seconds, and the job that follows."""
    followers: dict[JobKey, list[JobKey]] = {job: [] for job in costs}
    count = dict.fromkeys(costs, 0)
    for job, needed in waiting.items():
        for need in needed:
            followers[need].append(job)
            count[need] += 1
    ready = [job for job in costs if not followers[job]]
    tails: dict[JobKey, tuple[float, JobKey | None]] = {}
    while ready:
        job = ready.pop()
        after = max(followers[job], key=lambda other: tails[other][0], default=None)
        tails[job] = (costs[job].seconds + (tails[after][0] if after else 0.0), after)
        for need in waiting[job]:
            count[need] -= 1
            if not count[need]:
                ready.append(need)
    if len(tails) < len(costs):
        circle = [job for job in costs if job not in tails]
        raise ValueError(f"jobs wait for each other: {', '.join(f'{job.rule} {job.name}' for job in circle[:3])}")
    return tails


def _chain(tails: Mapping[JobKey, tuple[float, JobKey | None]], order: list[JobKey]) -> list[JobKey]:
    chain: list[JobKey] = []
    job = order[0] if order else None
    while job is not None:
        chain.append(job)
        job = tails[job][1]
    return chain
