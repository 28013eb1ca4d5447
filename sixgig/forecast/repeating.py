"""Time work on a machine that others use too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def best_of(work: Callable[[], Any], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Call ``work`` again and again for some time, at least five times, and return the shortest time that it took."""
    ends, best, calls = time.perf_counter() + seconds, float("inf"), 0
    while calls < 5 or time.perf_counter() < ends:
        began = clock()
        work()
        best = min(best, clock() - began)
        calls += 1
    return best
