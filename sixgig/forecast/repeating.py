"""Time work on a machine that others use too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def best_of(work: Callable[[], Any], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Call ``work`` again and again for some time, at least five times, and return a time that it takes undisturbed."""
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while len(took) < 5 or time.perf_counter() < ends:
        began = clock()
        work()
        took.append(clock() - began)
    return sorted(took)[len(took) // 10]  # not the shortest of many: clocks of busy machines skip
