"""Reading ahead: while one batch is computed with, a thread reads the next."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from time import perf_counter
from typing import Callable, Generator, Iterable, TypeVar

_Place = TypeVar("_Place")
_Made = TypeVar("_Made")


def read_ahead(read: Callable[[_Place], _Made], places: Iterable[_Place]) -> Generator[tuple[_Made, float], None, None]:
    """Yield what ``read`` makes of each place, in order, and the seconds waited for it.

    Args:
        read: Called in a thread, for one place ahead of the one that is used.
        places: Never None.
    """
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead: Future[_Made] | None = None
        for place in chain(places, (None,)):
            current, ahead = ahead, None if place is None else reader.submit(read, place)
            if current is not None:
                began = perf_counter()
                made = current.result()
                yield made, perf_counter() - began
