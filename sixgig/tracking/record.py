"""mlflow.json: what of a study MLflow holds, and why not all of it when that is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import read_json, write_json


@dataclass(frozen=True)
class Record:
    """What mlflow.json says.

    Attributes:
        runs: Run id by key; empty when nothing was recorded.
        attempt: How often the study was recorded again because something was missing.
        trouble: Why not everything is recorded; empty when everything is.
    """

    runs: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 0
    trouble: str = ""

    def write(self, path: Path) -> None:
        """Write the file."""
        content: dict[str, Any] = {"attempt": self.attempt, "complete": not self.trouble, "runs": dict(self.runs)}
        write_json(path, content | ({"trouble": self.trouble} if self.trouble else {}))


def read_record(path: Path) -> Record:
    """Read the file; an empty record when there is none."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return Record()
    if not isinstance(found, dict):
        return Record()
    if "complete" not in found:  # written by an earlier release: run ids, or a warning
        trouble = str(found.get("warning", ""))
        return Record({} if trouble else {str(key): str(value) for key, value in found.items()}, 0, trouble)
    return Record(dict(found.get("runs", {})), int(found.get("attempt", 0)), str(found.get("trouble", "")))
