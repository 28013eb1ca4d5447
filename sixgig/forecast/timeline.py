"""When the jobs of a study end that share cores, memory and one card: Snakemake's scheduling, played through."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.needed import StudyJob


@dataclass(frozen=True)
class Timeline:
    """How jobs run beside each other.

    Attributes:
        seconds: From the first start to the last end.
        starts: Seconds after the first start, of every job that has to run.
        rss_mb: The largest sum of the peaks of jobs that run at the same time.
    """

    seconds: float
    starts: Mapping[JobKey, float]
    rss_mb: float


def timeline(jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost], cores: int, mem_mb: float = 5000.0) -> Timeline:
    """Play a study through: of the jobs that can start, the one that most waits for goes first.

    Args:
        jobs: Each after those that it waits for.
        costs: What they cost; a job without an entry takes no time.
        cores: Cores that they share.
        mem_mb: What their ``mem_mb`` may sum up to, as in the default profile.
    """
    due = [job for job in jobs if job.needed]
    by_key = {job.key: job for job in due}
    cost = {key: costs.get(key, JobCost(0.0, 0.0)) for key in by_key}
    tails = _tails(due, cost)
    waits = {job.key: {key for key in job.after if key in by_key} for job in due}
    starts: dict[JobKey, float] = {}
    running: list[tuple[float, int, JobKey]] = []
    free_cores, free_mem, card_free = float(cores), mem_mb, True
    now = peak = 0.0
    while len(starts) < len(due) or running:
        ready = [job for job in due if job.key not in starts and not waits[job.key]]
        for job in sorted(ready, key=lambda job: -tails[job.key]):
            threads, mem = min(job.threads, cores), min(float(job.mem_mb), mem_mb)
            if threads > free_cores or mem > free_mem or (job.gpu and not card_free):
                continue
            free_cores, free_mem = free_cores - threads, free_mem - mem
            card_free = card_free and not job.gpu
            starts[job.key] = now
            heapq.heappush(running, (now + cost[job.key].seconds, len(starts), job.key))
        peak = max(peak, sum(cost[key].rss_mb for _, _, key in running))
        now, _, ended = heapq.heappop(running)
        job = by_key[ended]
        free_cores, free_mem = free_cores + min(job.threads, cores), free_mem + min(float(job.mem_mb), mem_mb)
        card_free = card_free or job.gpu
        for others in waits.values():
            others.discard(ended)
    return Timeline(now, starts, peak)


def _tails(jobs: Sequence[StudyJob], cost: Mapping[JobKey, JobCost]) -> dict[JobKey, float]:
    """What each job and the longest chain of those that wait for it take together, in seconds."""
    tails = {job.key: cost[job.key].seconds for job in jobs}
    for job in reversed(jobs):
        for key in job.after:
            if key in tails:
                tails[key] = max(tails[key], cost[key].seconds + tails[job.key])
    return tails
