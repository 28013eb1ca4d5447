"""What runs just now: one record for each running job, under ``results/<study>/.running/``.

A job holds its record with ``flock``, so that the kernel lets go of it when the job ends, however it ends: a record
that nobody holds is that of a job that was killed. It is written in place, because the lock is on the file itself.
A job whose record is held waits: a run that was killed may have left the same job behind, which is ending.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

#: Folder of the records in a study's folder.
FOLDER = ".running"


@dataclass(frozen=True)
class Running:
    """What a job says of itself.

    Attributes:
        rule: Name of the rule.
        name: Its wildcards without the study, as in the name of its log: ``acdc.vit_mim``; empty for a job without.
        pid: Number of the process, on ``host``.
        host: Name of the machine.
        started: Seconds since the epoch.
        label: What it does, in words; empty until it says so.
        done: Items that are finished.
        total: Items in all; 0 until it is known.
        unit: Plural name of an item.
        rate: Items a second since the job went on; 0 until it is known.
        updated: When this was written, in seconds since the epoch.
    """

    rule: str
    name: str
    pid: int
    host: str
    started: float
    label: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float = 0.0
    updated: float = 0.0

    @property
    def key(self) -> str:
        """Rule and wildcards: what a record is found by."""
        return f"{self.rule}.{self.name}" if self.name else self.rule

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the items are finished; None when the rate is not known."""
        return (self.total - self.done) / self.rate if self.rate > 0 and self.total else None


class Record:
    """The record of this process's job; see :func:`recorded`."""

    def __init__(self, descriptor: int, running: Running) -> None:
        self._descriptor, self._running = descriptor, running
        self.update()

    def update(self, **values: object) -> None:
        """Write the record anew, with some fields of :class:`Running` changed."""
        self._running = replace(self._running, updated=time.time(), **values)  # type: ignore[arg-type]
        content = json.dumps(asdict(self._running)).encode()
        with suppress(OSError):  # a full disk must not end the job for the sake of its record
            os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, len(content))


_current: Record | None = None


def current() -> Record | None:
    """Return the record of this process's job, or None outside a job."""
    return _current


def study_and_job(log: Path) -> tuple[Path, str, str] | None:
    """Return study folder, rule and wildcards from the path of a rule's log; None when it is no such path."""
    if log.parent.name == "logs":
        return log.parent.parent, log.stem, ""
    if log.parent.parent.name == "logs":
        return log.parent.parent.parent, log.parent.name, log.stem
    return None


def study_folder(log: str) -> Path:
    """Return the folder of the study that a rule's log belongs to: ``results/<study>``, or its copy of a bucket's."""
    found = study_and_job(Path(log))
    assert found is not None, log
    return found[0]


@contextmanager
def recorded(log: Path) -> Iterator[Record | None]:
    """Hold the record of a job for the length of the block.

    Args:
        log: The rule's log, ``results/<study>/logs/<rule>/<wildcards>.log`` or ``results/<study>/logs/<rule>.log``.
    """
    global _current
    found = study_and_job(log)
    if found is None:
        yield None
        return
    study, rule, name = found
    running = Running(rule, name, os.getpid(), socket.gethostname(), time.time())
    path = study / FOLDER / f"{running.key}.json"
    descriptor = _hold(path)
    try:
        _current = Record(descriptor, running)
        yield _current
        path.unlink(missing_ok=True)
    finally:
        _current = None
        os.close(descriptor)


def _hold(path: Path) -> int:
    """Open and lock a record, waiting for another process that holds it; return the descriptor."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:  # the run before has just taken the folder away
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who held it has taken it away


def _is(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def running_jobs(study: Path) -> list[Running]:
    """Return what runs just now on this machine or another that shares the folder, the oldest first.

    Args:
        study: ``results/<study>``.
    """
    return sorted((job for job, alive in _records(study) if alive), key=lambda job: job.started)


def killed_jobs(study: Path) -> list[Running]:
    """Return the jobs that ended without taking their record away: they failed or were killed."""
    return [job for job, alive in _records(study) if not alive]


def _records(study: Path) -> Iterator[tuple[Running, bool]]:
    for path in sorted((study / FOLDER).glob("*.json")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # it has ended since
            continue
        try:
            alive = not _free(descriptor)
            job = Running(**json.loads(os.pread(descriptor, 65536, 0)))
        except (ValueError, TypeError):  # just being written, or cut off
            continue
        finally:
            os.close(descriptor)
        yield job, alive


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
