"""What a command says besides its answer: every warning once, though planning may come upon it several times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def saying_once() -> Iterator[None]:
    """Within this context, a warning that nobody else takes goes to the terminal once."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text in said:
            return False
        said.add(text)
        return True

    handler = logging.lastResort
    if handler is None:
        yield
        return
    handler.addFilter(is_new)
    try:
        yield
    finally:
        handler.removeFilter(is_new)
