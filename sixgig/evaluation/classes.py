"""The positive class of a cohort with two classes."""

from __future__ import annotations

import difflib

from sixgig.errors import ConfigError


def positive_class(classes: tuple[str, ...], positive: str | None, place: str = "positive") -> str:
    """Return the positive class: the one asked for, else the alphabetically last.

    Args:
        classes: The classes that exist.
        positive: The class asked for.
        place: Where it was asked for, for the error message.

    Raises:
        ConfigError: The class asked for does not exist.
    """
    if positive is None:
        return max(classes)
    if positive not in classes:
        close = difflib.get_close_matches(positive, classes, n=1)
        hint = f"did you mean {close[0]!r}? Else " if close else ""
        step = f"{hint}write one of {', '.join(sorted(classes))}, or leave it out"
        raise ConfigError(place, f"there is no class {positive!r}", step)
    return positive
