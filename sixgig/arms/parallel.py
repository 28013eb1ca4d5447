"""Blocks of images computed in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sixgig.runtime.attempts import fewer
from sixgig.runtime.faults import MemoryShortError
from sixgig.runtime.stopping import end_with_parent

#: Fewer calls than this are made here: a process takes a second to start.
_FEWEST_CALLS = 8


def in_processes(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """Yield what a function returns for each call, in order; results do not depend on the number of processes.

    Args:
        function: Picklable.
        calls: Its arguments, one call each.
        workers: Most processes; half as many after an attempt that memory ended.

    Raises:
        MemoryShortError: A process was killed, as happens when memory runs out.
    """
    workers = min(fewer(workers), len(calls))
    if workers <= 1 or len(calls) < _FEWEST_CALLS:
        yield from (function(*call) for call in calls)
        return
    import joblib

    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch="2*n_jobs")
        try:
            work = joblib.delayed(_here)
            yield from parallel(work(os.getpid(), function, call) for call in calls)
        except BrokenProcessPool as error:
            raise MemoryShortError(
                "this job", "one of its processes was killed, probably because memory ran out", "run with fewer cores"
            ) from error


def _here(job: int, function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    """Make a call in a process that does not outlive its job."""
    end_with_parent(job)
    return function(*call)
