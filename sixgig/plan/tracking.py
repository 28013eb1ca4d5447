"""Where a study is tracked, and whether it has to be recorded again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sixgig.tracking.record import read_record
from sixgig.tracking.store import holds_run
from sixgig.tracking.target import OFF, ON, Target


class StudyTracking:
    """What the study file and the environment say of MLflow.

    Args:
        folder: ``results/<study>``.
        stanza: The section ``tracking`` of the study file, with defaults.
    """

    def __init__(self, folder: Path, stanza: Mapping[str, Any]) -> None:
        self._folder = folder
        #: Where the study file wants the study tracked, as :meth:`sixgig.tracking.target.Target.of` takes it.
        self.asked: str = (stanza["uri"] or ON) if stanza["mlflow"] else OFF
        self._target = Target.of(folder, self.asked)

    @property
    def name(self) -> str:
        """Where the study is tracked, without user and password; empty for nowhere."""
        return self._target.name if self._target else ""

    @cached_property
    def attempt(self) -> int:
        """How often the study is recorded again: once more when something was missing, or the store has gone.

        Snakemake runs the job when this differs from what it was then. A server is not asked: it may be far or dead.
        """
        file = self._folder / "mlflow.json"
        if self._target is None or not file.exists():
            return 0
        record = read_record(file)
        gone = not self._target.server and not holds_run(self._target.store, record.runs.get("study", ""))
        return record.attempt + bool(record.trouble or gone)
