"""Which columns of the user's table are features, and which say too much or nothing."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import numpy as np

from sixgig.cohorts.checks import did_you_mean
from sixgig.errors import ConfigError

#: Names, in small letters, of columns that hold the answer or the rows' names: never features by accident.
_ANSWERS = frozenset(
    (
        "label", "labels", "class", "classes", "diagnosis", "target", "targets", "outcome", "ground_truth",
        "groundtruth", "y", "y_true",
    )
)  # fmt: skip
_NAMES = frozenset(
    (
        "id", "index", "subject", "subject_id", "patient", "patient_id", "image", "image_id", "volume_id", "filename",
        "file", "path", "source", "frame", "slice", "partition", "split", "fold", "repeat", "role", "official",
    )
)  # fmt: skip


def choose(header: Sequence[str], wanted: Sequence[str] | None, key: str) -> list[str]:
    """Return the columns that are features, in the file's order.

    Args:
        header: All columns but the ids.
        wanted: Names and patterns that the study file lists; None for all.
        key: Place of the file's stanza in the study file.

    Raises:
        ConfigError: A name or pattern fits no column; a column is called like a class or an id, and is not listed by
            its full name; or there is no column.
    """
    named = [name for name in wanted or () if name in header]
    for pattern in wanted or ():
        if pattern not in header and not fnmatch.filter(header, pattern):
            step = f"{did_you_mean(pattern, header)}the columns are {', '.join(header[:10])} ..."
            raise ConfigError(f"config key {key}.columns", f"{pattern!r} fits no column of the table", step)
    found = [
        name
        for name in header
        if wanted is None or name in named or any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
    ]
    for name in found:
        plain = name.strip().lower()
        what = "a class" if plain in _ANSWERS else "an id" if plain in _NAMES or plain.startswith("unnamed:") else ""
        if what and name not in named:
            raise ConfigError(
                f"config key {key}.columns",
                f"the table has the column {name!r}, which is called like {what} and not like a feature",
                f"list the columns that are features under `columns`, such as [{_example(header)}]; "
                f"with {name!r} in full among them, if it is one",
            )
    if not found:
        raise ConfigError(f"config key {key}", "the table has no column beside the ids", "add the features")
    return found


def _example(header: Sequence[str]) -> str:
    """Return a pattern or names that leave out what is called like a class or an id."""
    good = [name for name in header if name.strip().lower() not in _ANSWERS | _NAMES]
    starts = [name.split("_")[0] for name in good if "_" in name]
    common = max(set(starts), key=starts.count, default="")
    return f"{common}_*" if starts.count(common) > 1 else ", ".join(good[:3]) or "name"


def constant(values: np.ndarray, columns: Sequence[str]) -> list[str]:
    """Return the columns of values [n, d] that are the same in every row."""
    same = (values == values[:1]).all(axis=0)
    return [name for name, one in zip(columns, same, strict=True) if one]


def leaks(values: np.ndarray, labels: Sequence[str | None], columns: Sequence[str]) -> list[str]:
    """Return the columns whose value follows from the class alone: equal to it, one-to-one with it, or one of its bits.

    Args:
        values: [n, d].
        labels: Class of each row; None where it is not known, and the row does not count.
        columns: Their names.
    """
    known = np.array([label is not None for label in labels])
    if not known.any():
        return []
    classes = np.unique(np.array([label for label in labels if label is not None]), return_inverse=True)[1]
    rows = values[known]
    first = rows[np.unique(classes, return_index=True)[1]]  # of each class
    follows = (rows == first[classes]).all(axis=0) & (first != first[:1]).any(axis=0)
    return [name for name, one in zip(columns, follows, strict=True) if one]
