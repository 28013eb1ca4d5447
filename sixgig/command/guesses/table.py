"""Columns of a CSV are guessed by their names and cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.images import PICTURES
from sixgig.command.columns import FRAME, LABEL, OFFICIAL, SUBJECT, class_column, mostly, named
from sixgig.command.findings import Options
from sixgig.errors import ConfigError

#: A CSV may lie in any folder, so every other adapter is asked first.
RANK = 3
_VOLUMES = (".nii", ".nii.gz", ".hdr", ".img")
_OFFICIAL_SETS = {"", "train", "training", "val", "validation", "test"}
_LEAK = "if patients have several, add a column subject_id, else one patient is in training and in test"


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    path = source if source.is_file() else next(iter(source.glob("*.csv")))
    rows = read_rows(path, ())
    header = list(rows[0]) if rows else []
    volumes = [name for name in header if mostly(rows, name, _VOLUMES)]
    files = volumes or [name for name in header if mostly(rows, name, PICTURES)]
    if not files:
        kinds = ", ".join((*PICTURES, *_VOLUMES))
        reason = f"has no column whose cells end in {kinds}; it has {', '.join(header) or 'no rows'}"
        raise ConfigError(path, reason, "write one row for each image or volume, with its file's path")
    subject, label = named(header, SUBJECT), named(header, LABEL)
    label = label or class_column(rows, {*files, subject})
    if label is None:
        raise ConfigError(path, f"has no column of classes; it has {', '.join(header)}", "call that column label")
    notes = [f"the class is the column {label}"]
    if subject is None:
        subject = files[0]
        notes.append(f"no column names the subject, so every row is one: {_LEAK}")
    else:
        notes.append(f"the subject is the column {subject}")
    columns: dict[str, Any] = {"subject": subject, "label": label}
    if len(volumes) > 1:
        columns = {"paths": {name: name for name in volumes[:3]}, **columns}
    else:
        columns = {"path": files[0], **columns}
    official = named(header, OFFICIAL)
    if official and {row[official].lower() for row in rows} <= _OFFICIAL_SETS:
        columns["official"] = official
    frame = named(header, FRAME)
    if frame and {row[frame].upper() for row in rows} <= {"", "ED", "ES"}:
        columns["frame"] = frame
    return [({"columns": columns, **({"dimensions": 3} if volumes else {})}, notes)]
