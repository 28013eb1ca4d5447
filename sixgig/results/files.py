"""Reads single files of a study, with errors that say what to do when one is missing or damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.errors import TableError
from sixgig.runtime.atomic import read_json
from sixgig.tables.format import Table

#: What to do about a study that has not run to its end.
RUN_AGAIN = "run `snakemake --cores all` with this study's config file and wait for it to end"
_WRITE_AGAIN = "delete the file and run snakemake again"


def existing(path: Path) -> Path:
    """Return the path of a file that exists.

    Raises:
        TableError: It does not.
    """
    if not path.exists():
        raise TableError(path, "the study has not written this file yet", RUN_AGAIN)
    return path


def read_table(table: Table, path: Path) -> pd.DataFrame:
    """Read and check a table.

    Raises:
        TableError: The file is missing or damaged.
    """
    return table.read(existing(path))


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        TableError: The file is missing or damaged.
    """
    try:
        value = read_json(existing(path))
    except ValueError as error:
        raise TableError(path, f"is not JSON: {error}", _WRITE_AGAIN) from error
    if not isinstance(value, dict):
        raise TableError(path, "is not a JSON object", _WRITE_AGAIN)
    return value
