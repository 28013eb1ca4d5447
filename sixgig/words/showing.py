"""The study that report and figures are about: its language, and how its arms are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from sixgig.arms.looks import looks_of, random_look
from sixgig.arms.registry import RANDOM_PREFIX, Look
from sixgig.words.language import speaking

if TYPE_CHECKING:
    from sixgig.results.study import Study

_current: ContextVar[Mapping[str, Look] | None] = ContextVar("looks", default=None)


@contextmanager
def showing(study: Study) -> Iterator[None]:
    """Within this context, titles and colours of arms are those of a study, and words are in its language."""
    token = _current.set(study.looks)
    try:
        with speaking(study.language):
            yield
    finally:
        _current.reset(token)


def look_of(arm: str) -> Look | None:
    """Return how an arm is shown; outside of any study, that of the kind with its name. None for an unknown arm."""
    found = (_current.get() or _kinds()).get(arm)
    if found is None and arm.startswith(RANDOM_PREFIX):
        return random_look(arm.removeprefix(RANDOM_PREFIX))
    return found


@cache
def _kinds() -> Mapping[str, Look]:
    return looks_of({})
