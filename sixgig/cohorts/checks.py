"""What can be said about the classes of a cohort as soon as its subjects are known, before an image is read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sixgig.cohorts.base import Record
from sixgig.errors import CohortError, ConfigError
from sixgig.tables.use import require_two_classes


def check_classes(records: Sequence[Record], stanza: Mapping[str, Any], place: str) -> None:
    """Check that the classes are there that the cohort's stanza names, and a test set when it is to be held out.

    Args:
        records: The subjects that are used.
        stanza: The cohort's stanza.
        place: Where it stands in the study file.

    Raises:
        ConfigError: The positive class is not there, or an operating point or a prevalence is asked for where there
            are not two classes.
        CohortError: There are fewer than two classes, or no test set.
    """
    classes = sorted({label for record in records for label in record.labels if label is not None})
    if stanza.get("positive") is not None:
        require_class(classes, stanza["positive"], f"{place}.positive")
    require_two_classes(stanza, len(classes), place)
    if stanza.get("official_splits"):
        n_held_out = sum(record.official == "test" and record.classes is not None for record in records)
        require_test_set(n_held_out, f"{place}.official_splits")


def require_class(classes: Collection[str], name: str, place: str) -> None:
    """Refuse a positive class that is not there.

    Raises:
        ConfigError: It is not; the place is its key.
    """
    if name not in classes:
        step = f"{did_you_mean(name, classes)}the classes are {', '.join(sorted(classes)) or 'none'}"
        raise ConfigError(place, f"there is no class {name!r}", f"{step}; or remove the key")


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return a question after the nearest of some names, whatever its capitals; empty when none is near."""
    lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.strip().lower(), lower, n=1)
    return f"did you mean {lower[close[0]]!r}? If not, " if close else ""


def require_two(classes: Collection[str], place: str = "labels") -> None:
    """Refuse a cohort whose labelled subjects are of one class.

    Raises:
        CohortError: There are fewer than two.
    """
    if len(classes) < 2:
        raise CohortError(
            place,
            f"{len(classes)} class found ({', '.join(classes) or 'none'}), and a classifier needs two",
            "check the file that holds the labels, or raise the cohort's limit",
        )


def require_test_set(n_held_out: int, place: str = "official_splits") -> None:
    """Refuse to hold out an official test set that is not there.

    Raises:
        CohortError: No labelled subject belongs to one.
    """
    if not n_held_out:
        raise CohortError(place, "the cohort has no labelled subjects of an official test set", "remove the key")
