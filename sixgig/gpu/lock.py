"""One GPU job at a time on one card, whoever started it.

The default profile offers Snakemake a single ``gpu``, but ``--resources`` on the command line replaces that, and two
workflows do not know about each other. The lock is a file keyed by the card.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sixgig.errors import GpuError
from sixgig.gpu.watch import GpuWatch
from sixgig.runtime.locks import locked
from sixgig.runtime.progress import tell as tell_people


def lock_path(card: str) -> Path:
    """Return the lock file of a card, the same for every workflow of every user on this machine.

    Args:
        card: What identifies the card, such as its UUID.
    """
    safe = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in card)
    return Path(tempfile.gettempdir()) / f"sixgig-gpu-{safe}.lock"


@contextmanager
def hold_gpu(path: Path, tell: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of the block, waiting for it first.

    Args:
        path: From :func:`lock_path`.
        tell: Called with a sentence now and then while waiting.

    Raises:
        GpuError: The lock's file cannot be opened.
    """
    try:
        path.open("a").close()
    except OSError as error:
        raise GpuError(
            path, f"the GPU lock cannot be opened: {error.strerror}", "remove that file, or set TMPDIR"
        ) from None
    with suppress(PermissionError):  # when another user made the file, it has this mode already
        path.chmod(0o666)  # other users of the card must be able to lock it, whatever the umask
    waiting = "waiting for the GPU, {:.0f} s so far: another sixgig job holds {}"
    with locked(path, lambda seconds: tell(waiting.format(seconds, path))):
        yield


@contextmanager
def card_alone(card: str | None, label: str) -> Iterator[GpuWatch]:
    """Have a card to oneself for the length of the block, and watch it.

    Args:
        card: What identifies the card; None on a CPU, where nothing is held or watched.
        label: Name of the job, for people.

    Raises:
        GpuError: See :func:`hold_gpu`.
    """
    watch = GpuWatch()
    if card is None:
        yield watch
        return
    with hold_gpu(lock_path(card), lambda text: tell_people(f"[{label}] {text}")), watch:
        yield watch
