"""Which column of a user's CSV is which, by names and content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SUBJECT = ("subject_id", "subject", "patient_id", "patient", "patientid", "participant_id", "participant", "case")
LABEL = ("label", "class", "diagnosis", "target", "group", "grade", "category", "outcome")
OFFICIAL = ("official", "split", "set", "partition")
FRAME = ("frame", "phase")
#: Values that a column of classes may have at most.
_MOST_CLASSES = 20


def named(header: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column that has one of some names, the first of them first."""
    lower = {name.lower().replace(" ", "_"): name for name in header}
    return next((lower[name] for name in names if name in lower), None)


def class_column(rows: Sequence[Mapping[str, str]], others: set[str | None]) -> str | None:
    """Return the column with the fewest values, of those with at least two and several rows for each."""
    values = {name: {row[name] for row in rows} - {""} for name in (rows[0] if rows else {}) if name not in others}
    most = min(_MOST_CLASSES, len(rows) // 2)
    fitting = [name for name, own in values.items() if 2 <= len(own) <= most]
    return min(fitting, key=lambda name: len(values[name]), default=None)


def mostly(rows: Sequence[Mapping[str, str]], column: str, endings: tuple[str, ...]) -> bool:
    """Whether nearly all cells of a column end in one of some endings."""
    return sum(row[column].lower().endswith(endings) for row in rows) > 0.9 * len(rows)
