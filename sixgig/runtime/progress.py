"""Progress of one job: a tqdm bar in the job's log, and a short line on the terminal every few seconds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from tqdm import tqdm

from sixgig.runtime import running

#: Environment variable holding the descriptor of the terminal that the job was started on (set by sixgig.runtime.jobs).
TERMINAL_FD = "SIXGIG_TERMINAL_FD"
#: Environment variable that is set when the process that started the job tells about the whole study: the job then
#: writes no lines of its own about how far it is.
STUDY_LINE = "SIXGIG_STUDY_LINE"
#: Environment variable that is set when the process that started Snakemake says where the report is.
REPORT_IS_NAMED = "SIXGIG_REPORT_IS_NAMED"
_TERMINAL_SECONDS = 10.0
_LOG_SECONDS = 2.0
_RECORD_SECONDS = 1.0


def terminal() -> TextIO | None:
    """Return the stream that still leads to the terminal after a job redirected its own output, or None."""
    number = os.environ.get(TERMINAL_FD)
    if number is None:
        return None
    try:
        return os.fdopen(os.dup(int(number)), "w", buffering=1, encoding="utf-8")
    except (OSError, ValueError):
        return None


def tell(text: str) -> None:
    """Write a line to the terminal, when there is one."""
    stream = terminal()
    if stream is not None:
        with suppress(OSError), stream:  # it may have been closed
            stream.write(f"{text}\n")


class Progress:
    """Counts finished items of a job and reports progress.

    Args:
        label: What the job does, such as ``encode elpv vit_pure``.
        total: Number of items.
        unit: Plural name of an item, such as ``images``.
        details: Called for a further short text (for instance memory in use) whenever a line is written.
        done: Items that were finished before, for a resumed job; they do not count in the rate.
    """

    def __init__(
        self,
        label: str,
        total: int,
        unit: str = "images",
        details: Callable[[], str] | None = None,
        done: int = 0,
    ) -> None:
        self._label, self._unit, self._details = label, unit, details
        self._total, self._done, self._initial = total, done, done
        self._started = time.perf_counter()
        self._next_line = self._started + _TERMINAL_SECONDS
        self._next_record = self._started
        self._terminal = None if STUDY_LINE in os.environ else terminal()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=label,
            unit=f" {unit}",
            mininterval=_LOG_SECONDS,
            file=sys.stderr,
            ascii=True,
            dynamic_ncols=False,
            ncols=100,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.close()
        if self._terminal is not None:
            with suppress(OSError):
                self._terminal.close()

    def advance(self, count: int = 1) -> None:
        """Report ``count`` further items as finished."""
        self._done += count
        self._bar.update(count)
        now = time.perf_counter()
        if now >= self._next_record:
            self._next_record = now + _RECORD_SECONDS
            self._record(now - self._started)
        if self._terminal is not None and now >= self._next_line:
            self._next_line = now + _TERMINAL_SECONDS
            with suppress(OSError):  # it may have been closed
                self._terminal.write(self.line(now - self._started) + "\n")

    def _record(self, elapsed: float) -> None:
        record = running.current()
        if record is not None:
            counted = {"done": self._done, "total": self._total, "unit": self._unit, "rate": self._rate(elapsed)}
            record.update(label=self._label, **counted)

    def _rate(self, elapsed: float) -> float:
        return (self._done - self._initial) / elapsed if elapsed > 0 else 0.0

    def line(self, elapsed: float) -> str:
        """One line for a person: items, items per second, time left, details.

        Args:
            elapsed: Seconds since the job began.
        """
        rate = self._rate(elapsed)
        left = f"{(self._total - self._done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        details = f", {self._details()}" if self._details else ""
        return f"[{self._label}] {self._done} of {self._total} {self._unit}, {rate:.1f}/s, {left}{details}"
