"""The class of a subject whose images are of several classes, as one name."""

from __future__ import annotations

from collections.abc import Iterable

#: Between the classes of such a subject.
AND = " + "


def joined_classes(labels: Iterable[str | None]) -> str | None:
    """Return the classes among the labels in sorted order, such as ``benign + malignant``; None without any."""
    return AND.join(sorted({label for label in labels if label is not None})) or None


def single_classes(joined: str) -> list[str]:
    """Return the classes that :func:`joined_classes` joined."""
    return joined.split(AND)
