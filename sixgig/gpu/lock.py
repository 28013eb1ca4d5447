"""One GPU job at a time on one card, whoever started it.

The default profile offers Snakemake a single ``gpu``, but ``--resources`` on the command line replaces that, and two
workflows do not know about each other. The lock is a file keyed by the card, in one place of the machine whatever
``TMPDIR`` says. Nothing is ever written to it: whoever can read it can lock it, so nobody need be able to change it.

The kernel frees the lock when the last process that holds its descriptor has ended. A process that is started to
compute on the card inherits it (:func:`descriptors_for_child`): while a killed job's child still computes, the card is
not free. This module runs under Python 3.7 too.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sixgig.errors import GpuError
from sixgig.runtime.locks import is_free, wait_for

#: The folder of the locks: fixed, because two folders would be two locks; there on every machine, for every user, and
#: seen by containers that share the machine's files.
FOLDER = Path("/tmp")
#: Environment variable with the numbers of the inherited descriptors that hold a card.
HELD_BY_PARENT = "SIXGIG_GPU_LOCKS"
_MODE = 0o444
_held: list[int] = []
#: Descriptors of locks that this process has taken and not used yet, by the lock's path.
_reserved: dict[Path, int] = {}


def lock_path(card: str) -> Path:
    """Return the lock file of a card, the same for every workflow of every user on this machine.

    Args:
        card: What identifies the card, such as its UUID.
    """
    safe = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in card)
    return FOLDER / f"sixgig-gpu-{safe}.lock"


@contextmanager
def hold_gpu(path: Path, tell: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of the block, waiting for it first.

    Args:
        path: From :func:`lock_path`.
        tell: Called with a sentence now and then while waiting.

    Raises:
        GpuError: The lock's file cannot be opened, or is no plain file.
    """
    reserved = _reserved.pop(path, None)
    descriptor = _lock(path, tell) if reserved is None else reserved
    _held.append(descriptor)
    try:
        yield
    finally:
        _held.remove(descriptor)
        os.close(descriptor)


def reserve(path: Path) -> bool:
    """Take the lock file ``path`` for this process without waiting; :func:`hold_gpu` then uses it.

    Returns:
        Whether nobody else holds it.

    Raises:
        GpuError: See :func:`hold_gpu`.
    """
    descriptor = _open(path)
    if is_free(descriptor) and _is_at(path, descriptor):
        _reserved[path] = descriptor
        return True
    os.close(descriptor)
    return False


def descriptors_for_child(environment: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """Return the descriptors of the locks that this process holds or has inherited, for a child that uses the card.

    Args:
        environment: Where a parent has named those that this process inherited; ``os.environ`` when None.
    """
    named = (os.environ if environment is None else environment).get(HELD_BY_PARENT, "")
    inherited = [int(number) for number in named.split(",") if number.isdigit()]
    return tuple(sorted({*_held, *(number for number in inherited if _is_open(number))}))


def variables_for_child() -> dict[str, str]:
    """Return the environment variable that tells a child which descriptors hold the card."""
    return {HELD_BY_PARENT: ",".join(str(number) for number in descriptors_for_child())}


def _is_open(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _lock(path: Path, tell: Callable[[str], object]) -> int:
    """Return a descriptor that holds the lock."""
    while True:
        descriptor = _open(path)
        try:
            _wait(descriptor, path, tell)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was removed while this process waited: another one stands there now


def _wait(descriptor: int, path: Path, tell: Callable[[str], object]) -> None:
    waiting = "waiting for the GPU, {:.0f} s so far: another sixgig job holds {}{}"
    wait_for(descriptor, lambda seconds: tell(waiting.format(seconds, path, _holder(descriptor))))


def _open(path: Path) -> int:
    """Open the lock's file for reading, or make it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        try:
            # Without O_CREAT: the kernel refuses that for another user's file in a folder that all may write to.
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _MODE)
                os.fchmod(descriptor, _MODE)  # whatever the umask: other users of the card must be able to lock it
            except FileExistsError:  # made by another process just now
                descriptor = os.open(path, flags)
    except OSError as error:
        raise _cannot_open(path, error) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        kind = "is no plain file" if not stat.S_ISREG(status.st_mode) else "has a second name (a hard link)"
        raise GpuError(path, f"the GPU lock {kind}", _remove(path))
    return descriptor


def _cannot_open(path: Path, error: OSError) -> GpuError:
    if error.errno == errno.ELOOP:
        return GpuError(path, "the GPU lock is a symbolic link, which is not followed", _remove(path))
    if error.errno == errno.EACCES and os.path.lexists(path):
        step = (
            f"ask {_owner(path)} to run `chmod a+r {path}`. Do not remove the file while a job of that user runs: two "
            "jobs would then share the card"
        )
        return GpuError(path, f"the GPU lock of {_owner(path)} cannot be read by you", step)
    step = f"make {path.parent} a folder that you may write to, as it is on every Linux system (`ls -ld {path.parent}`)"
    return GpuError(path, f"the GPU lock cannot be opened: {error.strerror}", step)


def _remove(path: Path) -> str:
    return f"ask {_owner(path)} what it is for, and remove it: no job of sixgig makes such a file"


def _owner(path: Path) -> str:
    import pwd

    try:
        number = os.lstat(path).st_uid
    except OSError:
        return "its owner"
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with number {number}"


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open is still the one that others find at its path."""
    try:
        found, own = os.lstat(path), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _holder(descriptor: int) -> str:
    """Return which process took the lock, in brackets; empty where the kernel does not say."""
    own = os.fstat(descriptor).st_ino
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        parts = line.split()
        if parts[1:2] == ["FLOCK"] and len(parts) > 5 and parts[5].endswith(f":{own}") and int(parts[4]) > 0:
            return f" (process {parts[4]})"
    return ""
