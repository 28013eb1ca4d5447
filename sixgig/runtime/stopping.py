"""How a process ends when it is told to, or when those who started it are gone. It runs under Python 3.7 too.

A process that is told to end (SIGTERM, SIGINT, SIGHUP) does so at once, except inside :func:`saving`: there the work
comes to a place where it can be saved, and leaves by :func:`leave_if_asked`. What does not get there in time is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

#: Seconds in which work has to come to a place where it can be saved, and be saved.
GRACE_SECONDS = 15.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: Environment variable with the number of the process that starts another one, for :func:`end_with_parent`.
PARENT = "SIXGIG_PARENT"
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h

_asked: int = 0
_savers: list[Callable[[], object]] = []


class Stopped(SystemExit):
    """The process was told to end. Its exit code is 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def obey_signals() -> None:
    """End in order at SIGTERM, SIGINT and SIGHUP, from now on; one that is ignored (``nohup``) stays ignored.

    To be called in the main thread.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ask)


def asked() -> bool:
    """Whether this process has been told to end."""
    return bool(_asked)


def leave_if_asked() -> None:
    """Leave the work, which has just been saved.

    Raises:
        Stopped: The process has been told to end.
    """
    if _asked:
        raise Stopped(_asked)


@contextlib.contextmanager
def saving(tell: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Mark work that saves what it has done and calls :func:`leave_if_asked` now and then.

    Args:
        tell: Called when the process is told to end, in the main thread between two instructions: for instance to tell
            another process.
    """
    _savers.append(tell)
    try:
        yield
    finally:
        _savers.remove(tell)
    leave_if_asked()


def _ask(number: int, frame: Any) -> None:
    global _asked
    if _asked:  # a closed terminal and those who pass signals on send more than one
        return
    _asked = number
    timer = threading.Timer(GRACE_SECONDS, lambda: os._exit(128 + number))
    timer.daemon = True
    timer.start()
    if not _savers:
        raise Stopped(number)
    for tell in list(_savers):
        tell()


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends; nothing elsewhere than on Linux.

    Args:
        parent: Number of the process that started this one.
        number: The signal.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, int(number))
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"prctl is not available: {error}\n")
        return
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), number)
