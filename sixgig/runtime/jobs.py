"""What every script does before and after its work: log, errors, threads."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.redaction import RedactedStream, redacted
from sixgig.runtime.processes import end_with_owner
from sixgig.runtime.progress import STUDY_LINE, TERMINAL_FD, tell
from sixgig.runtime.running import recorded
from sixgig.runtime.stopping import Stopped, end_with_parent, obey_signals
from sixgig.runtime.umask import keep_others_out


@contextmanager
def job(log: str | os.PathLike[str]) -> Iterator[None]:
    """Run a script's work with its output in ``log``.

    File descriptors 1 and 2 are pointed at the log, so that tracebacks and what C libraries (CUDA, TensorFlow)
    print end up there; Snakemake does not capture a script's output by itself. The terminal stays reachable for
    progress lines and for error messages. A :class:`SixgigError` is shown on the terminal without its traceback; any
    other exception with its last line and the log's name. Either ends the process with exit code 1. A line on the
    terminal says when the work is done, unless the study as a whole is told about there. Passwords and tokens are
    replaced by ``***`` in what Python writes, and no file that the job makes can be written by everybody.

    A signal, or the end of the run's main process, ends the job too: where it can be saved, what is done is saved
    first (:mod:`sixgig.runtime.stopping`).

    Args:
        log: The rule's log file.
    """
    obey_signals()
    end_with_parent(os.getppid(), signal.SIGTERM)
    end_with_owner()
    keep_others_out()
    path = Path(log)
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
    try:
        with recorded(path):
            yield
    except Stopped as stopped:
        traceback.print_exc()
        tell(f"[{_name(path)}] stopped by {signal.Signals(stopped.number).name}")
        raise
    except SixgigError as error:
        traceback.print_exc()
        tell(f"\n{type(error).__name__}: {error}")
        sys.exit(1)
    except Exception as error:
        traceback.print_exc()
        tell(f"\n{type(error).__name__}: {redacted(str(error))}\n  The traceback is in {path}")
        sys.exit(1)
    seconds = time.perf_counter() - started
    logging.getLogger("sixgig").info("done in %.1f s", seconds)
    if STUDY_LINE not in os.environ:
        tell(f"[{_name(path)}] done in {seconds:.1f} s")


def _name(log: Path) -> str:
    return log.stem if log.parent.name == "logs" else f"{log.parent.name} {log.stem}"
