"""One GPU job at a time on one card, whoever started it.

The default profile offers Snakemake a single ``gpu``, but ``--resources`` on the command line replaces that, and two
workflows do not know about each other. The lock is a file keyed by the card, held with ``flock``: the kernel releases
it when the process ends, for whatever reason, so a killed run leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sixgig.errors import GpuError

_POLL_SECONDS = 0.5
_TELL_SECONDS = 30.0


def lock_path(card: str) -> Path:
    """Return the lock file of a card, the same for every workflow of every user on this machine.

    Args:
        card: What identifies the card, such as its UUID.
    """
    safe = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in card)
    return Path(tempfile.gettempdir()) / f"sixgig-gpu-{safe}.lock"


@contextmanager
def hold_gpu(path: Path, tell: Callable[[str], None], timeout_seconds: float | None = None) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of the block, waiting for it first.

    Args:
        path: From :func:`lock_path`.
        tell: Called with a sentence now and then while waiting.
        timeout_seconds: Give up after this time; None waits for ever.

    Raises:
        GpuError: The lock was not free in time, or its file cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise GpuError(
            path, f"the GPU lock cannot be opened: {error.strerror}", "remove that file, or set TMPDIR"
        ) from None
    with suppress(PermissionError):  # a file that another user made has this mode already
        os.fchmod(descriptor, 0o666)  # other users of the card must be able to lock it, whatever the umask
    started = time.monotonic()
    told = -_TELL_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if timeout_seconds is not None and waited > timeout_seconds:
                    raise GpuError(
                        path, f"another job held the GPU for {waited:.0f} s", "wait for it, or stop it (see nvidia-smi)"
                    ) from None
                if waited - told >= _TELL_SECONDS:
                    told = waited
                    tell(f"waiting for the GPU, {waited:.0f} s so far: another sixgig job holds {path}")
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
