"""Suffixes are those of the files that are there, and the class a column of the participants' table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.csv_rows import read_rows
from sixgig.command.columns import LABEL, class_column, named
from sixgig.command.findings import Options
from sixgig.errors import CohortError

_USUAL = "T1w"


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    there = Counter(
        path.name.partition(".")[0].rpartition("_")[2]
        for pattern in ("sub-*/anat/*.nii*", "sub-*/ses-*/anat/*.nii*")
        for path in source.glob(pattern)
    )
    suffix = _USUAL if _USUAL in there or not there else there.most_common(1)[0][0]
    others = ", ".join(sorted(there.keys() - {suffix}))
    notes = [f"the suffix is {suffix}" + (f"; there are {others}, too: change `modalities` at will" if others else "")]
    stanza: dict[str, object] = {} if suffix == _USUAL else {"modalities": [suffix]}
    try:
        rows = read_rows(source / "participants.tsv", ("participant_id",))
    except CohortError:
        rows = []
    label = named(list(rows[0]), LABEL) or class_column(rows, {"participant_id"}) if rows else None
    if label:
        stanza["bids"] = {"label": label}
        notes.append(f"the class is the column {label} of participants.tsv")
    return [(stanza, notes)]
