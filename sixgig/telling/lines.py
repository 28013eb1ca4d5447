"""The lines that a running study writes, and how often: a screen that can be read after eight hours."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from sixgig.runtime.running import Running
from sixgig.telling.work import Estimate

#: A line comes at most this often, in seconds.
MOST_OFTEN = 60.0
#: And at least this often, in seconds.
LEAST_OFTEN = 900.0
#: Between these, one comes when this share of the work was done since the last.
SHARE = 0.02
_LABEL_LENGTH = 70


class Pace:
    """Decides when a status line is due.

    Args:
        now: The time in seconds, of any clock.
    """

    def __init__(self, now: float) -> None:
        self._last, self._fraction = now, 0.0

    def due(self, now: float, fraction: float) -> bool:
        """Whether a line is due; it counts as written then."""
        passed = now - self._last
        enough = passed >= LEAST_OFTEN or fraction - self._fraction >= SHARE
        if passed < MOST_OFTEN or not enough:
            return False
        self._last, self._fraction = now, fraction
        return True


def in_words(seconds: float) -> str:
    """Return a length of time for people: ``45 s``, ``12 min``, ``2 h 10 min``, ``31 h``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{round(seconds / 3600)} h"


def clock(moment: float) -> str:
    """Return a time of day, ``16:20``."""
    return time.strftime("%H:%M", time.localtime(moment))


def when(moment: float, now: float) -> str:
    """Return a time to come, with the day when it is not today: ``16:20``, ``Sat 04:10``, ``Sat 12 Dec``.

    Args:
        moment: Seconds since the epoch.
        now: The present, in seconds since the epoch.
    """
    then, here = time.localtime(moment), time.localtime(now)
    if then[:3] == here[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%a %H:%M" if moment - now < 6 * 86400 else "%a %d %b", then)


def per_cent(fraction: float) -> str:
    """Return a share in whole per cent, rounded down: 100% is for the end."""
    return f"{math.floor(100 * fraction + 1e-9)}%"


def opening_line(now: float, estimate: Estimate, to_run: int, cores: int | None, known: bool) -> str:
    """Say what a run begins with.

    Args:
        now: Seconds since the epoch.
        estimate: Where it begins.
        to_run: Jobs that have to run.
        cores: Cores for all jobs together; None when that is not limited.
        known: Whether there is a forecast of their times.
    """
    jobs = "1 job" if to_run == 1 else f"{to_run} jobs"
    on = f" on {cores} cores" if cores and cores > 1 else " on 1 core" if cores else ""
    text = f"[{clock(now)}] {jobs} to run{on}"
    if known:
        text += f", about {in_words(estimate.seconds_left)}: done about {when(now + estimate.seconds_left, now)}"
    if known and estimate.fraction > 0:
        text += f" | goes on from {per_cent(estimate.fraction)} of the work"
    elif estimate.done:
        text += f" | {estimate.done} of {estimate.total} were done before"
    return text


def status_line(now: float, estimate: Estimate, running: Sequence[Running], known: bool) -> str:
    """Say where a run is.

    Args:
        now: Seconds since the epoch.
        estimate: What is done and what is left.
        running: The running jobs; the first one is named.
        known: Whether there is a forecast; without one, jobs are counted.
    """
    if known:
        said = f"{per_cent(estimate.fraction)} of the work, done about {when(now + estimate.seconds_left, now)}"
    else:
        said = f"{estimate.done} of {estimate.total} jobs"
    text = f"[{clock(now)}] {said}"
    if running:
        text += f" | {running_words(running[0])}"
        if len(running) > 1:
            text += f" (+ {len(running) - 1} more)"
    return text


def running_words(job: Running) -> str:
    """Say what one running job does: ``pretrain acdc vit_mim 412 of 800 steps``."""
    label = " ".join(f"{job.label or job.rule + ' ' + job.name}".split())
    label = label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…"
    return f"{label} {job.done} of {job.total} {job.unit}" if job.total else label
