"""Groups of subjects: their site, scanner, sex or age group, from a table of the user's or from the cohort itself."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.cohorts.base import Adapter, Discovery
from sixgig.cohorts.checks import did_you_mean
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.group_columns import Asked, asked_columns
from sixgig.cohorts.labels import ClassCells, alike, compare_ids
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import CohortError, ConfigError
from sixgig.phantoms.groups import simulated_values
from sixgig.runtime.atomic import read_json
from sixgig.runtime.paths import user_path
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.groups import DIFFERENCE, GAP, SUBJECT_GROUPS

#: Values of a group, at most.
MAX_VALUES = 20
#: Different numbers that may be codes; more are measurements, and need cut points.
MAX_NUMBERS = 10
_SHOWN = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What is known of subjects.

    Attributes:
        place: Where it comes from, for messages.
        values: Subject -> column -> text.
        columns: All columns that there are.
    """

    place: object
    values: Mapping[str, Mapping[str, str]]
    columns: Sequence[str]


def group_subjects(
    subjects: Sequence[str],
    stanza: Mapping[str, Any],
    adapter: Adapter,
    root: Path,
    *,
    simulated: bool = False,
    rename: Callable[[str], str] | None = None,
    key: str = "groups",
) -> pd.DataFrame:
    """Return the groups of every subject of a cohort.

    Args:
        subjects: The cohort's subjects, as its manifest names them.
        stanza: The cohort's stanza of the study file, with ``groups``.
        adapter: Its adapter.
        root: Its folder or file.
        simulated: Whether sixgig wrote the cohort itself: without a table, values are then drawn.
        rename: Gives the pseudonym of a subject, where the manifest has pseudonyms; the table may have either.
        key: Place of ``groups`` in the study file.

    Returns:
        Rows of :data:`sixgig.tables.groups.SUBJECT_GROUPS`, subjects in order of name; a value is empty where nothing
        says it. The log names such subjects, and ids of the table that are no subjects.

    Raises:
        CohortError: The table cannot be read, writes ids in another way than the cohort, gives a subject two values, or
            a column has no value, too many, numbers without cut points, or text where there are cut points.
        ConfigError: There is no such column.
    """
    groups, wanted = stanza["groups"], asked_columns(stanza["groups"], key)
    names = [column.name for column in wanted]
    cells = ClassCells.of(stanza)
    if groups.get("table"):
        known = _of_table(user_path(groups["table"]), groups.get("id") or "subject_id", names, subjects, rename)
    elif simulated:
        drawn = simulated_values(subjects)
        known = Known("the phantom", drawn, list(next(iter(drawn.values()), {})))
        _log.info("%s of a phantom are drawn, and have nothing to do with its images", ", ".join(names))
    else:
        known = _of_cohort(adapter, root, names, subjects, rename)
    for name in names:
        if name not in known.columns:
            there = ", ".join(known.columns) or "nothing"
            step = f"{did_you_mean(name, known.columns)}use one of these, or name a table with it under {key}.table"
            raise ConfigError(
                f"{key}.columns", f"{known.place} does not say {name!r} of subjects; it says {there}", step
            )
    rows: list[tuple[str, str, str | None]] = []
    ordered = sorted(subjects)
    for column in wanted:
        texts = {name: cells.read(known.values.get(name, {}).get(column.name, "")) for name in ordered}
        values = _grouped(column, texts, known.place, key)
        _tell_missing(column.name, [name for name in ordered if values[name] is None], len(ordered))
        rows += [(name, column.name, values[name]) for name in ordered]
    return SUBJECT_GROUPS.check(pd.DataFrame(rows, columns=SUBJECT_GROUPS.column_names), "groups")


def said_before(stanza: Mapping[str, Any], simulated: bool) -> bool:
    """Whether the groups of a cohort can be told before it is prepared: from a table of the user's, or of a phantom."""
    groups = stanza.get("groups") or {}
    return bool(groups.get("table") or (groups and simulated))


def group_cohort(
    cohort: str,
    manifest: Path,
    source: Path,
    stanza: Mapping[str, Any],
    simulated: bool,
    key_table: Path | None,
) -> pd.DataFrame:
    """Return the groups of a prepared cohort; no rows when it failed.

    Args:
        cohort: Its name.
        manifest: Its manifest.csv.
        source: Its source.json.
        stanza: See :func:`group_subjects`.
        simulated: See :func:`group_subjects`.
        key_table: Table of pseudonyms, for a cohort that has some.

    Raises:
        SixgigError: See :func:`group_subjects`.
    """
    subjects = sorted(MANIFEST.read(manifest)["subject_id"].astype(str).unique())
    if not subjects:
        return SUBJECT_GROUPS.check(pd.DataFrame(columns=SUBJECT_GROUPS.column_names), "groups")
    place = f"config key cohorts.{cohort}"
    return group_subjects(
        subjects,
        stanza,
        open_adapter(stanza, place),
        Path(read_json(source)["root"]),
        simulated=simulated,
        rename=None if key_table is None else Pseudonyms(key_table).subject,
        key=f"{place}.groups",
    )


def _of_table(
    path: Path,
    id_column: str,
    names: Sequence[str],
    subjects: Sequence[str],
    rename: Callable[[str], str] | None,
) -> Known:
    """Read a table with one row per subject, or several that say the same."""
    values: dict[str, dict[str, str]] = {}
    places: dict[str, int] = {}
    known = set(subjects)
    for row in read_rows(path, (id_column, *names)):
        written = row[id_column]
        if not written:
            raise CohortError(path, f"row {row.number} has no {id_column}", "fill it in, or remove the row")
        name = written if written in known or rename is None else rename(written)
        own = {column: row[column] for column in names}
        if values.setdefault(name, own) != own:
            other = next(column for column in names if values[name][column] != own[column])
            who = "one subject" if rename else name
            raise CohortError(
                path,
                f"gives {who} the {other} {values[name][other]!r} (row {places[name]}) and {own[other]!r} "
                f"(row {row.number})",
                "keep the right row of the two",
            )
        places.setdefault(name, row.number)
    compare_ids(path, values, subjects, Discovery(), max_unmatched=1.0)
    return Known(path, values, names)


def _of_cohort(
    adapter: Adapter,
    root: Path,
    names: Sequence[str],
    subjects: Sequence[str],
    rename: Callable[[str], str] | None,
) -> Known:
    """Ask the adapter, or its table of labels, what the cohort itself says of its subjects."""
    found = adapter.subject_values(root, names)
    labels = adapter.options.get("labels")
    if found is None and labels:
        return _of_table(user_path(labels["file"]), labels.get("subject", "subject_id"), names, subjects, rename)
    values = {name: dict(own) for name, own in (found or {}).items()}
    if rename is not None:
        values = {rename(name): _hidden(own, adapter.telling_values, rename) for name, own in values.items()}
    columns = dict.fromkeys(column for own in values.values() for column in own)
    return Known(adapter.title, values, list(columns))


def _hidden(own: dict[str, str], telling: Sequence[str], rename: Callable[[str], str]) -> dict[str, str]:
    """Put a pseudonym in place of what names a place or a person; the log says which is which."""
    hidden = {name: f"{name}-{rename(own[name]).rpartition('-')[2]}" for name in telling if own.get(name)}
    for name, new in hidden.items():
        _log.info("%s is %s", new, own[name])
    return own | hidden


def _grouped(column: Asked, texts: Mapping[str, str | None], place: object, key: str) -> dict[str, str | None]:
    """Return subject -> value of a group, None where there is none."""
    there = [text for text in texts.values() if text is not None]
    if not there:
        raise CohortError(place, f"says {column.name} of no subject of the cohort", f"remove it from {key}.columns")
    if column.cuts:
        return {name: None if text is None else _cut(column, text, place) for name, text in texts.items()}
    counts = Counter(there)
    numbers = all(_number(text) is not None for text in counts)
    if numbers and len(counts) > MAX_NUMBERS:
        example = sorted(number for text in there if (number := _number(text)) is not None)
        thirds = [example[len(example) // 3], example[2 * len(example) // 3]]
        cuts = ", ".join(f"{number:g}" for number in dict.fromkeys(thirds))
        raise CohortError(
            place,
            f"gives {column.name} as {len(counts)} different numbers, and each would be a group of its own",
            f"give cut points, such as {key}: {{columns: [{{{column.name}: [{cuts}]}}]}}; codes that are no numbers "
            "have to be written as words",
        )
    if len(counts) > MAX_VALUES:
        shown = ", ".join(list(counts)[:3])
        raise CohortError(
            place,
            f"has {len(counts)} values of {column.name} ({shown}, ...), and a group may have {MAX_VALUES}",
            f"write a column that joins them into fewer, or remove {column.name} from {key}.columns",
        )
    _refuse_alike(column.name, counts, place)
    return dict(texts)


def _refuse_alike(name: str, counts: Iterable[str], place: object) -> None:
    """Refuse values that differ by case or spaces alone, and those that have a meaning of their own in the table."""
    seen: dict[str, str] = {}
    for value in sorted(counts):
        if value in (GAP, DIFFERENCE):
            raise CohortError(place, f"has the {name} {value!r}, a word of the results' table", "write another word")
        other = seen.setdefault(alike(value), value)
        if other != value:
            reason = f"writes {name} as {other!r} and as {value!r}, which differ by case, spaces or form alone"
            raise CohortError(place, reason, "write one of the two everywhere")


def _cut(column: Asked, text: str, place: object) -> str:
    number = _number(text)
    if number is None:
        raise CohortError(
            place,
            f"has the {column.name} {text!r}, which is no number, and there are cut points",
            "write a number with a decimal point, or leave the cell empty",
        )
    below = sum(number >= cut for cut in column.cuts)
    low = f">= {column.cuts[below - 1]:g}" if below else ""
    high = f"< {column.cuts[below]:g}" if below < len(column.cuts) else ""
    return ", ".join(filter(None, (low, high)))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _tell_missing(group: str, missing: Sequence[str], n_subjects: int) -> None:
    if missing:
        _log.warning(
            "%d of %d subjects have no %s, and are in none of its groups: %s", len(missing), n_subjects, group,
            ", ".join(missing),
        )  # fmt: skip
