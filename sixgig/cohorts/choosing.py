"""Which of the subjects that were found are used, and whether enough of them can be; no image is read for it."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from sixgig.cohorts.base import Record, Rejection
from sixgig.cohorts.checks import did_you_mean
from sixgig.cohorts.selection import subset
from sixgig.errors import CohortError, ConfigError

_SHOWN = 5
_log = logging.getLogger(__name__)


def choose_subjects(
    records: list[Record], options: Mapping[str, Any], limit: int | None, seed: int, place: str
) -> list[Record]:
    """Return the subjects that are used, under the classes that the study file makes of theirs.

    Args:
        records: The subjects that were found.
        options: The cohort's stanza, of which ``classes`` and ``official_splits`` are used.
        limit: Most subjects to use beside an official test set that is held out; None for all.
        seed: Seed of the subset.
        place: Where the stanza stands, for the error message.

    Raises:
        ConfigError: ``classes`` names a class that is not there, or one twice.
    """
    chosen = merge_classes(records, options.get("classes"), f"{place}.classes")
    if limit is None:
        return chosen
    # A test set that is held out is the authors' and stays whole.
    is_test = [bool(options.get("official_splits")) and record.official == "test" for record in chosen]
    return [chosen[index] for index in subset([record.classes for record in chosen], is_test, limit, seed)]


def merge_classes(records: list[Record], classes: Mapping[str, list[str]] | None, place: str) -> list[Record]:
    """Rename every subject's class as ``classes`` in the study file says; leave out subjects of other classes.

    Raises:
        ConfigError: A class is not there, or named twice; the place is its key.
    """
    if not classes:
        return records
    new = {old: name for name, olds in classes.items() for old in olds}
    there = {label for record in records for label in record.labels if label is not None}
    for name, olds in classes.items():
        for old in olds:
            if old not in there:
                step = f"{did_you_mean(old, there)}the cohort's classes are {', '.join(sorted(there)) or 'none'}"
                raise ConfigError(f"{place}.{name}", f"there is no class {old!r}", step)
    if len(new) < sum(map(len, classes.values())):
        raise ConfigError(place, "names a class of the cohort twice", "name each class once")
    left_out = there - new.keys()
    if left_out:
        _log.info("subjects of these classes are left out: %s", ", ".join(sorted(left_out)))
    return [renamed for record in records if (renamed := record.with_classes(new)) is not None]


def lost_subjects(rejections: Iterable[Rejection], kept: Container[str | None]) -> set[str]:
    """Return the subjects of which nothing is left; a rejected file of no known subject counts as one.

    Args:
        rejections: Inputs that cannot be used.
        kept: Subjects of which something else can be used.
    """
    return {
        rejection.subject_id or f"file {rejection.file}"
        for rejection in rejections
        if rejection.subject_id is None or rejection.subject_id not in kept
    }


def too_many_lost(
    place: object,
    cohort: str,
    rejections: Sequence[Rejection],
    n_lost: int,
    n_subjects: int,
    max_fraction: float,
    *,
    stopped_early: bool = False,
) -> CohortError:
    """Return the error that says that more subjects are lost than ``quarantine.max_fraction`` allows.

    Args:
        place: The list of them, or where the study file says which files are wanted.
        cohort: Name of the cohort.
        rejections: The inputs left out.
        n_lost: Subjects lost with them.
        n_subjects: Subjects looked at.
        max_fraction: Largest fraction that may be lost.
        stopped_early: The remaining subjects were not read.
    """
    shown = [f"{rejection.file} ({rejection.reason})" for rejection in rejections[:_SHOWN]]
    more = len(rejections) - len(shown)
    rest = f"; and {more} more" if more > 0 else ""
    early = ", and the rest was not read" if stopped_early else ""
    return CohortError(
        place,
        f"{n_lost} of {n_subjects} subjects of cohort {cohort} cannot be used{early}; "
        f"quarantine.max_fraction allows {max_fraction:.0%}: {'; '.join(shown)}{rest}",
        "repair or remove these files (the list and the job's log name them all), or raise quarantine.max_fraction",
    )
