"""Whether this process may import torch, timm and MONAI to answer a question about a network.

A process that plans a study goes on to watch it for hours, and would hold these libraries all the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_MAY = ContextVar("may_build", default=True)


class NotBuiltError(Exception):
    """The answer needs libraries that this process does not import: another process has to be asked."""


@contextmanager
def nothing_built() -> Iterator[None]:
    """Let questions that need torch, timm or MONAI raise a :class:`NotBuiltError` inside."""
    token = _MAY.set(False)
    try:
        yield
    finally:
        _MAY.reset(token)


def require_building() -> None:
    """Stand before an import of these libraries.

    Raises:
        NotBuiltError: This process does not import them.
    """
    if not _MAY.get():
        raise NotBuiltError
