"""Times and sizes of a plan in a few characters: a forecast has no seconds when it has hours."""

from __future__ import annotations

from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def duration(seconds: float) -> str:
    """Return a time: ``8 s``, ``4 min``, ``2 h 05 min``; ``-`` for nothing."""
    if seconds <= 0:
        return "-"
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 5970:
        return f"{round(seconds / 60)} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def size(mib: float | None) -> str:
    """Return a size: ``12 MB``, ``3.4 GB``, counted in 1024s; ``-`` for nothing."""
    if mib is None:
        return "?"
    if mib <= 0:
        return "-"
    if mib < 999.5:
        return f"{max(1, round(mib))} MB"
    return f"{mib / 1024:.1f} GB" if mib < 100 * 1024 else f"{mib / 1024:.0f} GB"


def clock(when: datetime) -> str:
    """Return a day and time, the same in every locale: ``Sat 28 Nov, 02:10``."""
    return f"{_DAYS[when.weekday()]} {when.day} {_MONTHS[when.month - 1]}, {when:%H:%M}"
