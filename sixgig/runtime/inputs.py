"""The files of a job by what they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def by_key(keys: Iterable[Sequence[str]], paths: Iterable[str]) -> dict[tuple[str, ...], Path]:
    """Join files with what they belong to.

    Args:
        keys: What each file belongs to, such as cohort, arm and classifier.
        paths: The files, in the same order.

    Raises:
        ValueError: There are not as many files as keys.
    """
    return {tuple(key): Path(path) for key, path in zip(keys, paths, strict=True)}
