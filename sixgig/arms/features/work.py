"""What reading a table of features takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sixgig.arms.features.arm import id_column
from sixgig.arms.features.columns import choose
from sixgig.arms.features.reading import read_header
from sixgig.errors import SixgigError
from sixgig.gpu.work import Amount
from sixgig.runtime.paths import user_path

#: Seconds on a core of the reference machine per number of a table.
_PER_NUMBER = 3.0e-7
#: Features of a table that cannot be looked at.
_UNKNOWN = 256


def seconds(options: Mapping[str, Any], amount: Amount) -> float:
    """Return the time of reading a cohort's table, in seconds of one core of the reference machine."""
    rows = amount.images if any(entry["of"] == "image" for entry in options["files"].values()) else amount.subjects
    return 0.5 + rows * length(options, amount) * _PER_NUMBER


def length(options: Mapping[str, Any], amount: Amount) -> int:
    """Return the number of features."""
    return max(
        _columns(str(entry["path"]), id_column(entry), tuple(entry.get("columns") or ()))
        for entry in options["files"].values()
    )


@lru_cache
def _columns(path: str, column: str, wanted: tuple[str, ...]) -> int:
    try:
        header = [name for name in read_header(user_path(path), column) if name and name != column]
        return len(choose(header, wanted or None, "files"))
    except (SixgigError, OSError):
        return _UNKNOWN
