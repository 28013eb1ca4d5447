"""What every script does before and after its work: log, errors, threads."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.redaction import RedactedStream, redacted
from sixgig.runtime.attempts import Attempt
from sixgig.runtime.faults import passing
from sixgig.runtime.orphans import when_orphaned
from sixgig.runtime.processes import end_with_owner
from sixgig.runtime.progress import STUDY_LINE, TERMINAL_FD, tell
from sixgig.runtime.running import recorded, study_and_job
from sixgig.runtime.stopping import Stopped, end_with_parent, obey_signals
from sixgig.runtime.umask import keep_others_out

_ended = ""


def say_failed(status: str, *, left_out: bool = False) -> None:
    """Let the job's last line on the terminal say that its arm or its cohort failed, in place of ``done``.

    Args:
        status: ``failed: reason``, as it stands in the sidecar.
        left_out: It was not tried, because something else has failed that was named before.
    """
    global _ended
    _ended = f"{'left out' if left_out else 'FAILED'}: {status.removeprefix('failed: ')}"


def say_left_out(reason: str) -> None:
    """Let the job's last line on the terminal say that there was nothing to do, and why."""
    global _ended
    _ended = f"left out: {reason}"


def say_fallbacks(fallbacks: Sequence[str]) -> None:
    """Let the job's last line on the terminal name the fallbacks that it took; none leave the line as it is."""
    global _ended
    if fallbacks:
        _ended = f"done with a fallback: {'; '.join(fallbacks)}"


@contextmanager
def job(log: str | os.PathLike[str], attempt: int = 1, lists: Sequence[Path] = ()) -> Iterator[None]:
    """Run a script's work with its output in ``log``.

    File descriptors 1 and 2 are pointed at the log, so that tracebacks and what C libraries (CUDA, TensorFlow)
    print end up there; Snakemake does not capture a script's output by itself. The terminal stays reachable for
    progress lines and for error messages. A :class:`SixgigError` is shown on the terminal without its traceback; any
    other exception with its last line and the log's name. Either ends the process with exit code 1. A line on the
    terminal says when the work is done, unless the study as a whole is told about there. Passwords and tokens are
    replaced by ``***`` in what Python writes, and no file that the job makes can be written by everybody.

    A signal, or the end of the run's main process, ends the job too: where it can be saved, what is done is saved
    first (:mod:`sixgig.runtime.stopping`). What may pass by itself is told as such, and the next attempt takes less
    memory when that was short (:mod:`sixgig.runtime.attempts`).

    Args:
        log: The rule's log file.
        attempt: The how manieth try this is in one run of Snakemake. After an error that does not pass, a further try
            would find the same: it ends at once.
        lists: Further files that the rule declares as logs; what a failed attempt wrote there stays.
    """
    global _ended
    _ended = ""
    obey_signals()
    end_with_parent(os.getppid(), signal.SIGTERM)
    end_with_owner()
    path = Path(log)
    found = study_and_job(path)
    if found is not None:
        when_orphaned(found[0].name, lambda: os.kill(os.getpid(), signal.SIGTERM))
    keep_others_out()
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[TERMINAL_FD] = str(os.dup(2))
    stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.close(stream)
    sys.stdout, sys.stderr = RedactedStream(sys.stdout), RedactedStream(sys.stderr)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    started = time.perf_counter()
    this = Attempt(path, lists)
    earlier = this.begin()
    if earlier:
        print(f"--- the log of the attempt before ---\n{earlier}\n--- attempt {attempt} ---", flush=True)
    if attempt > 1 and this.final:
        tell(f"[{_name(path)}] not tried again: what ended it does not pass")
        this.ended(this.final)
        sys.exit(1)
    try:
        with recorded(path):
            yield
    except Stopped as stopped:
        traceback.print_exc()
        tell(f"[{_name(path)}] stopped by {signal.Signals(stopped.number).name}")
        raise
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # when memory is short, what it held is needed to say so
        traceback.print_exc()
        fault = passing(error)
        shown = fault or error
        this.failed(shown, passes=fault is not None)
        more = "" if isinstance(shown, SixgigError) else f"\n  The traceback is in {path}"
        tell(f"\n[{_name(path)}] {type(shown).__name__}: {redacted(str(shown))}{more}")
        sys.exit(1)
    this.succeeded()
    seconds = time.perf_counter() - started
    logging.getLogger("sixgig").info("%s in %.1f s", _ended or "done", seconds)
    if _ended:
        tell(f"[{_name(path)}] {_ended} (after {seconds:.1f} s)")
    elif STUDY_LINE not in os.environ:
        tell(f"[{_name(path)}] done in {seconds:.1f} s")


def _name(log: Path) -> str:
    return log.stem if log.parent.name == "logs" else f"{log.parent.name} {log.stem}"
