"""What the report says about copies: images of different subjects that show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sixgig.reporting.views import Cell, TableView
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title

#: Groups that the report shows; copies.csv holds all.
_SHOWN = 20


def sentence(found: Mapping[str, Any]) -> str:
    """Say how many copies there were and what was done, from ``copies`` in cohort.json."""
    if not found:
        return numbers.MISSING
    if not found["groups"]:
        return tr("none between subjects")
    counts = {name: numbers.count(value) for name, value in found.items() if isinstance(value, int)}
    said = tr(
        "{groups} groups of different subjects, with {identical} images that have an identical copy and {near} that "
        "have a near one (flipped, turned or recompressed)",
        **counts,
    )
    done = {
        "group": tr("duplicates: group made {subjects_joined} subjects part of another one", **counts),
        "drop": tr("duplicates: drop"),
    }.get(str(found["policy"]), tr("duplicates: stop left them as they are"))
    parts = [said, done]
    if found["dropped"]:
        parts.append(tr("{dropped} copies were left out", **counts))
    if found["contradictory"]:
        parts.append(tr("{contradictory} copies with contradictory labels were left out", **counts))
    elif found["contradictory_pairs"]:
        parts.append(tr("{contradictory_pairs} pairs have contradictory labels", **counts))
    return "; ".join([*parts, tr("copies.csv lists them")])


def warning(groups: Sequence[Sequence[str]]) -> str:
    """Say that near copies are on two sides of a split, and what to do."""
    return tr(
        "Leakage gate NOT passed: {groups} groups of near copies are in different roles or folds, so estimates may be "
        "too high; look at copies.csv, and set duplicates of this cohort to group or drop",
        groups=numbers.count(len(groups)),
    )


def across(cohort: str, gate: Mapping[str, Any]) -> TableView:
    """Return the first groups of near copies that are on two sides of a split."""
    table = TableView(
        f"near-copies-{cohort}",
        tr("{cohort}: near copies in different roles or folds (the first of copies.csv).", cohort=cohort_title(cohort)),
        [tr("Images")],
        sortable=False,
    )
    for group in (gate.get("near_copies_across") or [])[:_SHOWN]:
        table.rows.append([Cell(" ~ ".join(map(str, group)))])
    return table
