"""Locks between processes: files held with ``flock``, which the kernel releases when the process ends, however it ends.

A killed run so leaves nothing to clean up. This module runs under Python 3.7 too.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.5
_TELL_SECONDS = 30.0


@contextlib.contextmanager
def locked(path: Path, tell: Callable[[float], object] = lambda seconds: None) -> Iterator[None]:
    """Hold a lock file for the length of the block, waiting for another process that holds it.

    Args:
        path: The file; made when missing, in a folder that exists.
        tell: Called with the seconds waited so far, at once and now and then while another process holds the lock.
    """
    with path.open("a") as stream:
        wait_for(stream.fileno(), tell)
        yield


def wait_for(descriptor: int, tell: Callable[[float], object] = lambda seconds: None) -> None:
    """Take the lock of an open file, waiting for another process that holds it; it is held until the file is closed.

    Args:
        descriptor: The open file.
        tell: See :func:`locked`.
    """
    began, told = time.monotonic(), -_TELL_SECONDS
    while not is_free(descriptor):
        waited = time.monotonic() - began
        if waited - told >= _TELL_SECONDS:
            told = waited
            tell(waited)
        time.sleep(_POLL_SECONDS)


def is_free(descriptor: int) -> bool:
    """Take the lock of an open file if nobody else holds it; return whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
