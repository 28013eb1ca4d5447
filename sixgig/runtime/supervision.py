"""The main process of a run: it owns the study, ends its jobs in order at a signal, and says so in its exit code."""

from __future__ import annotations

import functools
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from sixgig.errors import SixgigError
from sixgig.runtime.owner import Ownership
from sixgig.runtime.processes import Identity, ancestors, members, send
from sixgig.runtime.running import running_jobs
from sixgig.runtime.stopping import GRACE_SECONDS, SIGNALS, Stopped

_POLL_SECONDS = 0.1
_SNAKEMAKE = "snakemake.logging"
#: After this, nothing is waited for any longer.
_LAST_SECONDS = GRACE_SECONDS + 10.0


def supervise(
    workflow: Any, scheduler: Any, study: str, starting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Make this process the owner of a study while Snakemake executes it; a dry run and a report own nothing.

    When the study has a living owner, that is said, and the process ends with code 1.

    Args:
        workflow: Snakemake's workflow, as a Snakefile has it, in the main process.
        scheduler: Snakemake's class of schedulers, which takes SIGTERM for itself and then waits for running jobs.
        study: Name of the study.
        starting: How jobs are started: what is entered while the study is owned.
    """
    execute, prepare = workflow.execute, workflow._prepare_dag

    @functools.wraps(execute)
    def execute_as_owner(*arguments: Any, **named: Any) -> Any:
        if not named["executor_plugin"].common_settings.dryrun_exec:
            ownership = Ownership(study, Path.cwd(), tell)
            with _owning(ownership, scheduler, study), starting():
                workflow._prepare_dag = _noting_locks(workflow, prepare, ownership)
                return _going_on(workflow, execute, *arguments, **named)
        return _going_on(workflow, execute, *arguments, **named)

    workflow.execute = execute_as_owner


def _going_on(workflow: Any, execute: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Execute; files that a killed run was writing are made anew, with the profile or without it."""
    if not workflow.execution_settings.ignore_incomplete:
        workflow.dag_settings.force_incomplete = True
    return execute(*arguments, **named)


def _noting_locks(workflow: Any, prepare: Callable[..., Any], ownership: Ownership) -> Callable[..., Any]:
    @functools.wraps(prepare)
    def prepare_dag(*arguments: Any, **named: Any) -> Any:
        prepare(*arguments, **named)
        lock = workflow.persistence.lock

        @contextmanager
        def noted_lock() -> Iterator[None]:
            ownership.note_locks()
            with lock():
                yield

        workflow.persistence.lock = noted_lock

    return prepare_dag


@contextmanager
def _owning(ownership: Ownership, scheduler: Any, study: str) -> Iterator[None]:
    stop = _Stop(ownership, study)
    finished = False
    with _signals(stop, scheduler):
        try:
            try:
                ownership.take()
            except SixgigError as error:
                sys.exit(f"[sixgig] {error}")  # Snakemake would print a traceback below a WorkflowError
            yield
            finished = True
        finally:
            ownership.release(finished and not stop.number)
            if stop.number:
                stop.last_words()
                raise Stopped(stop.number) from None


@contextmanager
def _signals(stop: _Stop, scheduler: Any) -> Iterator[None]:
    """Hand signals to ``stop``; one that is ignored (``nohup``) stays ignored."""
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, stop) for number in taken}
    own = scheduler.exit_gracefully
    scheduler.exit_gracefully = lambda _, number, frame: stop(number, frame)
    try:
        yield
    finally:
        scheduler.exit_gracefully = own
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Stop:
    """Ends a run at a signal. Further signals change nothing: a closed terminal sends several.

    Attributes:
        number: The signal; 0 before there was one.
    """

    def __init__(self, ownership: Ownership, study: str) -> None:
        self._ownership, self._study = ownership, study
        self.number = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            return
        self.number = number
        tell(f"{signal.Signals(number).name}: running jobs save their work and end, within {GRACE_SECONDS:.0f} s")
        logging.getLogger(_SNAKEMAKE).addFilter(_is_no_failure)
        threading.Thread(target=self._end_jobs, name="sixgig-stop", daemon=True).start()
        raise Stopped(number)

    def last_words(self) -> None:
        """Say how to go on."""
        tell(f"stopped by {signal.Signals(self.number).name}; the same command goes on from here")

    def _end_jobs(self) -> None:
        """End all jobs, also those that are being started just now, until this process ends."""
        began, told = time.monotonic(), set[Identity]()
        while True:
            seconds = time.monotonic() - began
            left = members(self._ownership.token)
            send(_jobs(left, self._study, told), signal.SIGTERM)
            told |= set(left)
            if seconds > GRACE_SECONDS:
                send(left, signal.SIGKILL)
            if seconds > _LAST_SECONDS:
                with suppress(OSError):
                    self._ownership.release(finished=False)
                self.last_words()
                os._exit(128 + self.number)
            time.sleep(_POLL_SECONDS)


def _is_no_failure(record: logging.LogRecord) -> bool:
    """Whether Snakemake does not tell the failure of a job: all that fail from now on were told to end."""
    return str(getattr(record, "event", "")) not in ("job_error", "error")


def _jobs(processes: list[Identity], study: str, told: set[Identity]) -> list[Identity]:
    """Return those of the processes that are jobs, and no job's children: a job ends its own."""
    here = socket.gethostname()
    recorded = {job.pid for job in running_jobs(Path("results") / study) if job.host == here}
    return [process for process in processes if process not in told and not recorded & set(ancestors(process.pid))]


def tell(text: str) -> None:
    """Write a line to the terminal, if it is still there."""
    with suppress(OSError, ValueError):
        print(f"[sixgig] {text}", file=sys.stderr, flush=True)
