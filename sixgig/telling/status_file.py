"""Where the whole study is, for other processes: ``results/<study>/.running/study.json``."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sixgig.runtime.running import FOLDER
from sixgig.telling.work import Estimate

NAME = "study.json"


def write(study: Path, began: float, now: float, estimate: Estimate, known: bool) -> None:
    """Write the file, whole or not at all; a disk that is full does not matter.

    Args:
        study: ``results/<study>``.
        began: When the run began, in seconds since the epoch.
        now: The present, in seconds since the epoch.
        estimate: Where the run is.
        known: Whether there is a forecast of the jobs' times.
    """
    content = {
        "pid": os.getpid(),
        "started": began,
        "updated": now,
        "fraction": round(estimate.fraction, 4) if known else None,
        "finish": now + estimate.seconds_left if known else None,
        "done": estimate.done,
        "total": estimate.total,
    }
    path = study / FOLDER / NAME
    partial = path.with_name(f".{NAME}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content))
        partial.replace(path)


def read(study: Path) -> dict[str, Any] | None:
    """Return what the file says; None when no run writes it."""
    try:
        found = json.loads((study / FOLDER / NAME).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and _alive(found.get("pid")) else None


def remove(study: Path) -> None:
    """Take the file away: the run is over."""
    with suppress(OSError):
        (study / FOLDER / NAME).unlink(missing_ok=True)
        (study / FOLDER / f".{NAME}").unlink(missing_ok=True)
        (study / FOLDER).rmdir()  # unless a job's record is still there


def _alive(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except (OSError, ValueError):
        return False
    return True
