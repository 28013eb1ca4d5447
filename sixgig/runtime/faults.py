"""What may pass by itself, told from what the data or the study file cause. It runs under Python 3.7 too.

A signal, memory that ran out, a full disk, a card that fell off the bus, a drive that is gone: none of them says
anything about an arm, a classifier or a cohort, so none of them may be stored as its outcome.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sixgig.errors import PassingError, SixgigError, failure

_MIB = 1024 * 1024
#: Numbers of the errors of a disk, or of a share of it, that is full.
FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
_NO_MEMORY = (errno.ENOMEM,)
_FILES = tuple(
    getattr(errno, name)
    for name in (
        "EIO", "EMFILE", "ENFILE", "EAGAIN", "EBUSY", "EINTR", "EROFS", "ENODEV", "ENXIO", "ESTALE", "ENOTCONN",
        "EREMOTEIO", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNRESET", "EPIPE",
    )
    if hasattr(errno, name)
)  # fmt: skip
#: What libraries say when the host has no memory left; most of them raise a plain RuntimeError.
_MEMORY_WORDS = re.compile(
    r"can't allocate memory|cannot allocate memory|bad_?alloc|can't start new thread|unable to allocate|out of memory"
    r"|not enough memory|failed to map segment|could not create a (memory|primitive)",
    re.IGNORECASE,
)
_CARD_WORDS = re.compile(
    r"CUDA error|CUDA driver error|cuDNN error|CUDNN_STATUS|CUBLAS_STATUS|CUDA_ERROR|gpu is lost"
    r"|fallen off the bus|unspecified launch failure|uncorrectable ECC|CUDA out of memory",
    re.IGNORECASE,
)
#: The one fault of a card that the numbers cause: an index that points outside its array.
_CARD_DATA_WORDS = re.compile("device-side assert", re.IGNORECASE)
_FILE_WORDS = re.compile(r"PytorchStream(Reader|Writer) failed|unable to open shared memory|too many open files", re.I)
#: Exceptions of libraries that are not imported here, by their names.
_KILLED_WORKER = frozenset({"BrokenProcessPool", "TerminatedWorkerError", "BrokenExecutor"})
_CARD_TYPES = frozenset({"AcceleratorError", "NVMLError_GpuIsLost"})

_MEMORY_STEP = (
    "close other programs and run again: it goes on from the last checkpoint, with less at a time; "
    "or give --cores fewer cores"
)


class MemoryShortError(PassingError):
    """The memory of this machine ran out: the next attempt takes less."""


class DiskFullError(PassingError):
    """There is no space left where a file was to be written."""


def passing(error: BaseException) -> PassingError | None:
    """Return what may pass by itself as one error for a user; None when the data or the study file are the cause.

    Args:
        error: What was raised; what it was raised from is looked at too.
    """
    for cause in _chain(error):
        found = _known(cause)
        if found is None or found is error:
            continue
        if not isinstance(error, SixgigError):
            return found
        more = "" if found.reason in error.reason else f" ({found.reason})"
        return type(found)(error.place, error.reason + more, error.next_step)
    return error if isinstance(error, PassingError) else None


def as_outcome(error: Exception) -> str:
    """Return an error as the status ``failed: reason`` of an arm or a cohort.

    Raises:
        PassingError: It may pass by itself, and is nobody's outcome.
    """
    found = passing(error)
    if found is not None:
        raise found from error
    return failure(error)


def ended_by_signal(place: object, number: int, oom_kills_before: int = 0, next_step: str = "") -> PassingError:
    """Return the error of a process that a signal ended.

    Args:
        place: The process, in words.
        number: The signal.
        oom_kills_before: What :func:`oom_kills` gave before the process began.
        next_step: What to do when it was not for its memory; a sentence.
    """
    if number in (6, 9) and oom_kills() > oom_kills_before:
        return _memory_short(place)
    step = next_step or "run again: it goes on from the last checkpoint"
    return PassingError(place, f"was ended by signal {number} and gave no reason", step)


def oom_kills() -> int:
    """Return how many processes the kernel has ended so far for want of memory, here or in this control group."""
    return _counter(Path("/proc/vmstat"), "oom_kill") + sum(
        _counter(path, "oom_kill") for path in _group_files(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    )


def write_failed(place: object, folder: Path, error: OSError, needed: int = 0) -> PassingError:
    """Return the error of a file that could not be written.

    Args:
        place: The file.
        folder: A folder on that disk.
        error: What the system says.
        needed: Bytes that the file takes, when they are known.
    """
    said = error.strerror or str(error)
    if error.errno is not None and error.errno not in FULL:
        return PassingError(place, f"cannot be written: {said}", "see to that disk, then run again")
    free, needed = _free(folder), needed or getattr(error, "needed", 0)
    reason = f"cannot be written: {said}; {_size(free)} are free there"
    if needed > free:
        reason += f", {_size(needed)} are needed: {_size(needed - free)} are missing"
    elif needed:
        reason += f", and {_size(needed)} were not enough"
    return DiskFullError(place, reason, "free space there, then run again: what is finished is kept")


def _memory_short(place: object) -> MemoryShortError:
    peak = max(_peak(resource.RUSAGE_SELF), _peak(resource.RUSAGE_CHILDREN))
    return MemoryShortError(place, f"host memory ran out at {peak:.0f} MiB", _MEMORY_STEP)


def _known(error: BaseException) -> PassingError | None:
    if isinstance(error, PassingError):
        return error
    kind, text = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return _memory_short("this job")
    if kind in _KILLED_WORKER:
        return MemoryShortError("a process of this job", "was killed, probably because memory ran out", _MEMORY_STEP)
    if isinstance(error, OSError):
        return _known_os_error(error)
    if isinstance(error, SixgigError):
        return None
    if kind in _CARD_TYPES or (isinstance(error, RuntimeError) and _CARD_WORDS.search(text)):
        return None if _CARD_DATA_WORDS.search(text) else _card_failed(text)
    if _MEMORY_WORDS.search(text):
        return _memory_short("this job")
    if isinstance(error, RuntimeError) and _FILE_WORDS.search(text):
        return PassingError("this job", f"a file could not be read or written: {text[:300]}", "run again")
    return None


def _card_failed(text: str) -> PassingError:
    step = "look at nvidia-smi and at the temperature of the card, then run again: it goes on from the last checkpoint"
    return PassingError("the GPU", f"failed: {text[:300]}", step)


def _known_os_error(error: OSError) -> PassingError | None:
    named = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    place = named or "a file of this job"
    if error.errno in FULL:
        folder = Path(named).parent
        return write_failed(place, folder if named and folder.is_dir() else Path(), error)
    if error.errno in _NO_MEMORY:
        return _memory_short(place)
    if error.errno in _FILES or isinstance(error, (ConnectionError, TimeoutError)):
        reason = f"cannot be read or written just now: {error.strerror or error}"
        return PassingError(place, reason, "see to that disk, then run again")
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()  # type: set[int]
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _peak(who: int) -> float:
    peak = resource.getrusage(who).ru_maxrss  # KiB on Linux, bytes on macOS
    return peak / _MIB if sys.platform == "darwin" else peak / 1024


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / _MIB:.1f} MiB"


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(str(folder)).free
    except OSError:
        return 0


def _counter(path: Path, name: str) -> int:
    """Return a number from a file of lines ``name number``; 0 without it."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return sum(int(line[1]) for line in lines if len(line) == 2 and line[0] == name and line[1].isdigit())


def _group_files(own: Path, root: Path) -> list[Path]:
    """Return the files in which the control groups of this process count what was ended: version 2, then version 1."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            found.append(root / group.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            found.append(root / "memory" / group.lstrip("/") / "memory.oom_control")
    return found
