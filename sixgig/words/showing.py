"""The study that report and figures are about: its language, and how its cohorts and arms are shown."""

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
_cohorts: ContextVar[Mapping[str, str] | None] = ContextVar("cohorts", default=None)


@contextmanager
def showing(study: Study) -> Iterator[None]:
    """Within this context, titles of cohorts and arms and colours are those of a study, and words in its language."""
    token, titles = _current.set(study.looks), _cohorts.set(study.cohort_titles)
    try:
        with speaking(study.language):
            yield
    finally:
        _cohorts.reset(titles)
        _current.reset(token)


def look_of(arm: str) -> Look | None:
    """Return how an arm is shown; outside of any study, that of the kind with its name. None for an unknown arm."""
    found = (_current.get() or _kinds()).get(arm)
    if found is None and arm.startswith(RANDOM_PREFIX):
        return random_look(arm.removeprefix(RANDOM_PREFIX))
    return found


def title_of(cohort: str) -> str:
    """Return the title of a cohort of the study; its key outside of any study, and for a cohort without a title."""
    return (_cohorts.get() or {}).get(cohort, cohort)


@cache
def _kinds() -> Mapping[str, Look]:
    return looks_of({})
