"""When jobs will be done that share cores, memory and the card."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Step:
    """What is left of one job: its seconds, what it takes while it runs, and what it waits for."""

    seconds: float
    takes: Mapping[str, float] = field(default_factory=dict)
    needs: Collection[Hashable] = ()


def seconds_until_done(steps: Mapping[_Key, Step], running: Collection[_Key], capacity: Mapping[str, float]) -> float:
    """Return the wall time until the last job ends, when the job with most work behind it goes first.

    Args:
        steps: The jobs that have not ended. What they need and is not here has ended.
        running: Those that run already.
        capacity: What all jobs together may take, by name. A job that alone takes more than that runs alone.
    """
    waiting = {key: {need for need in step.needs if need in steps} for key, step in steps.items()}
    followers: dict[Hashable, list[_Key]] = defaultdict(list)
    for key, needs in waiting.items():
        for need in needs:
            followers[need].append(key)
    tails = _tails(steps, followers)
    free = dict(capacity)
    now, busy = 0.0, 0
    ends: list[tuple[float, int, _Key, dict[str, float]]] = []
    order = {key: place for place, key in enumerate(steps)}
    ready = sorted((key for key in steps if not waiting[key]), key=lambda key: (key not in running, -tails[key]))
    while ready or ends:
        for key in list(ready):
            takes = {name: min(steps[key].takes.get(name, 0), capacity[name]) for name in capacity}
            if busy and any(takes[name] > free[name] for name in free):
                continue
            for name, amount in takes.items():
                free[name] -= amount
            ready.remove(key)
            busy += 1
            heapq.heappush(ends, (now + steps[key].seconds, order[key], key, takes))
        now, _, ended, taken = heapq.heappop(ends)
        busy -= 1
        for name, amount in taken.items():
            free[name] += amount
        for key in followers[ended]:
            waiting[key].discard(ended)
            if not waiting[key]:
                ready.append(key)
        ready.sort(key=lambda key: (key not in running, -tails[key]))
    return now


def _tails(steps: Mapping[_Key, Step], followers: Mapping[Hashable, list[_Key]]) -> dict[_Key, float]:
    """Seconds from the beginning of each job to the end of the longest chain of jobs behind it."""
    tails: dict[_Key, float] = {}
    for first in steps:
        stack = [first]
        while stack:
            key = stack[-1]
            behind = followers.get(key, [])
            unknown = [other for other in behind if other not in tails]
            if unknown:
                stack += unknown
                continue
            tails[key] = steps[key].seconds + max((tails[other] for other in behind), default=0.0)
            stack.pop()
    return tails
