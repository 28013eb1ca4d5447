"""The positive class of a cohort with two classes."""

from __future__ import annotations

from sixgig.cohorts.checks import require_class


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
    require_class(classes, positive, place)
    return positive
