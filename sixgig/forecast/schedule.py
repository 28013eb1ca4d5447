"""When each job runs on given cores, one card and so much memory: list scheduling, as Snakemake does it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sixgig.forecast.base import JobCost, JobKey

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Step:
    """What is left of one job: its seconds, what it takes while it runs, and what it waits for."""

    seconds: float
    takes: Mapping[str, float] = field(default_factory=dict)
    needs: Collection[Any] = ()


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
    """Lay out jobs on a machine; see :func:`lay_out`.

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
    reserved = {job: (reserved_mb or {}).get(job, costs[job].rss_mb) for job in costs}
    steps = {
        job: Step(
            costs[job].seconds,
            {"cores": costs[job].threads, "gpu": int(costs[job].gpu), "mem_mb": reserved[job]},
            needs.get(job, ()),
        )
        for job in sorted(costs, key=lambda job: (job.rule, job.name))
    }
    slots = lay_out(steps, {"cores": cores, "gpu": gpus, "mem_mb": float("inf") if mem_mb is None else mem_mb})
    tails = _tails(steps)
    chain = _chain(tails, max(tails, key=lambda job: tails[job][0], default=None))
    peak = max((_held(costs, slots, slot.start) for slot in slots.values()), default=0.0)
    total = max((slot.end for slot in slots.values()), default=0.0)
    return Schedule(slots, total, chain, tails[chain[0]][0] if chain else 0.0, peak)


def lay_out(
    steps: Mapping[_Key, Step], capacity: Mapping[str, float], running: Collection[_Key] = ()
) -> dict[_Key, Slot]:
    """Return when each job runs.

    Whenever a job ends, those that are ready start, the one with the longest chain of jobs behind it first, as far as
    the capacity allows.

    Args:
        steps: The jobs that have not ended. What they need and is not here has ended.
        capacity: What all jobs together may take, by name. A job that alone takes more than that runs alone.
        running: Those that run already: they go first.

    Raises:
        ValueError: Jobs wait for each other in a circle.
    """
    waiting = {key: {need for need in step.needs if need in steps} for key, step in steps.items()}
    followers = _followers(steps)
    tails = _tails(steps)
    place = {key: number for number, key in enumerate(steps)}

    def urgency(key: _Key) -> tuple[bool, float, int]:
        return key not in running, -tails[key][0], place[key]

    free = dict(capacity)
    slots: dict[_Key, Slot] = {}
    ends: list[tuple[float, int, _Key, dict[str, float]]] = []
    now = 0.0
    ready = sorted((key for key in steps if not waiting[key]), key=urgency)
    while ready or ends:
        for key in list(ready):
            takes = {name: min(steps[key].takes.get(name, 0), capacity[name]) for name in capacity}
            if ends and any(takes[name] > free[name] for name in free):
                continue
            for name, amount in takes.items():
                free[name] -= amount
            ready.remove(key)
            slots[key] = Slot(now, now + steps[key].seconds)
            heapq.heappush(ends, (slots[key].end, place[key], key, takes))
        now, _, ended, taken = heapq.heappop(ends)
        for name, amount in taken.items():
            free[name] += amount
        for key in followers[ended]:
            waiting[key].discard(ended)
            if not waiting[key]:
                ready.append(key)
        ready.sort(key=urgency)
    return slots


def _held(costs: Mapping[JobKey, JobCost], slots: Mapping[JobKey, Slot], moment: float) -> float:
    """Memory in MiB of the jobs that run at a moment."""
    return sum(costs[job].rss_mb for job, slot in slots.items() if slot.start <= moment < slot.end)


def _followers(steps: Mapping[_Key, Step]) -> dict[_Key, list[_Key]]:
    """Return for every job those that wait for it."""
    followers: dict[_Key, list[_Key]] = {key: [] for key in steps}
    for key, step in steps.items():
        for need in dict.fromkeys(step.needs):
            if need in followers:
                followers[need].append(key)
    return followers


def _tails(steps: Mapping[_Key, Step]) -> dict[_Key, tuple[float, _Key | None]]:
    """Return for every job the longest chain that begins with it: its seconds, and the job that follows.

    Raises:
        ValueError: Jobs wait for each other in a circle.
    """
    followers = _followers(steps)
    count = {key: len(behind) for key, behind in followers.items()}
    ready = [key for key in steps if not count[key]]
    tails: dict[_Key, tuple[float, _Key | None]] = {}
    while ready:
        key = ready.pop()
        after = max(followers[key], key=lambda other: tails[other][0], default=None)
        tails[key] = (steps[key].seconds + (tails[after][0] if after is not None else 0.0), after)
        for need in dict.fromkeys(steps[key].needs):
            if need in count:
                count[need] -= 1
                if not count[need]:
                    ready.append(need)
    if len(tails) < len(steps):
        circle = [str(key) for key in steps if key not in tails]
        raise ValueError(f"jobs wait for each other: {', '.join(circle[:3])}")
    return tails


def _chain(tails: Mapping[_Key, tuple[float, _Key | None]], first: _Key | None) -> list[_Key]:
    chain: list[_Key] = []
    while first is not None:
        chain.append(first)
        first = tails[first][1]
    return chain
