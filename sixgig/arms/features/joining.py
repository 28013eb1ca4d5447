"""The rows of the user's table, in the order of the cohort's subjects or images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sixgig.cohorts.labels import near_names, spoilt
from sixgig.errors import ArmError

_SHOWN = 3
_AS_TEXT = "the ids are compared as text, letter by letter: format that column as text before you save it"


def join(
    path: Path,
    ids: Sequence[str],
    places: Sequence[str],
    wanted: Sequence[str],
    unit: str,
    rename: Callable[[str], str] | None = None,
    names: dict[str, str] | None = None,
) -> tuple[np.ndarray, list[int]]:
    """Find the row of every subject or image of a cohort.

    Args:
        path: The table, for messages.
        ids: Its ids.
        places: Where each row is.
        wanted: The cohort's ids, without repetition.
        unit: ``subject`` or ``image``.
        rename: Gives the pseudonym of an id, for a cohort that has pseudonyms; the table may have either. Messages
            then name rows, and no id of the table.
        names: Pseudonym -> name, for such a cohort.

    Returns:
        Rows of the table, int64 [n_wanted], and the rows whose id is not in the cohort.

    Raises:
        ArmError: An id is empty, or stands in two rows; the table writes ids in another way than the cohort, or has no
            row for one.
    """
    known = set(wanted)
    ours = [name if name in known or rename is None else rename(name) for name in ids]
    hidden = rename is not None
    row_of: dict[str, int] = {}
    for row, name in enumerate(ours):
        if not ids[row].strip():
            raise ArmError(path, f"{places[row]} has no id", "fill it in, or remove the row")
        if name in row_of:
            who = "one id" if hidden else f"the id {ids[row]}"
            raise ArmError(
                path, f"has {who} twice, in {places[row_of[name]]} and in {places[row]}{_more(ours)}",
                f"keep one row for each {unit}{'; features of images need `of: image`' if unit == 'subject' else ''}",
            )  # fmt: skip
        row_of[name] = row
    missing = [name for name in wanted if name not in row_of]
    extra = [row for row, name in enumerate(ours) if name not in known]
    if missing:
        raise _missing(path, [ids[row] for row in extra], [places[row] for row in extra], missing, wanted, unit, names)
    return np.array([row_of[name] for name in wanted], dtype=np.int64), extra


def _more(ours: Sequence[str]) -> str:
    """Say how many ids stand in several rows, when there are more."""
    twice = len(ours) - len(set(ours))
    return f"; {twice} rows too many in all" if twice > 1 else ""


def _missing(
    path: Path,
    absent: Sequence[str],
    places: Sequence[str],
    missing: Sequence[str],
    wanted: Sequence[str],
    unit: str,
    names: dict[str, str] | None,
) -> ArmError:
    """Say which subjects or images have no row, and which rows are theirs but for the writing."""
    told = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    what = f"has no row for {len(missing)} of {len(wanted)} {unit}s of the cohort: {told}"
    own = [(names or {}).get(name, name) for name in missing]
    place_of = dict(zip(absent, places, strict=True))
    near = near_names(absent, own)
    if near and names is None:
        shown = "; ".join(f"{other!r} is {name!r} there: {why}" for name, other, why in near[:_SHOWN])
        return ArmError(path, f"{what}. It writes ids in another way: {shown}", f"write the cohort's ids; {_AS_TEXT}")
    if near:
        shown = "; ".join(f"the id in {place_of[name]}: {why}" for name, _, why in near[:_SHOWN])
        return ArmError(path, f"{what}. It writes ids in another way: {shown}", f"write the cohort's ids; {_AS_TEXT}")
    if absent and names is None:
        what += f". It has rows for {len(absent)} others, such as {', '.join(absent[:_SHOWN])}{spoilt(absent)}"
    step = f"compute their features; every arm is evaluated on the same {unit}s. manifest.csv of the cohort has the ids"
    return ArmError(path, what, step)
