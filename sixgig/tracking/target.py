"""Where a study is tracked: a store in its own folder, or an MLflow server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sixgig.redaction import redacted

#: What a study file's ``tracking`` says when nothing is tracked, and when no server is named.
OFF, ON = "off", "on"


@dataclass(frozen=True)
class Target:
    """Where a study is tracked.

    Attributes:
        study: The study's folder, ``results/<study>``.
        server: URI of an MLflow server, perhaps with a password in it; empty for the store in the study's folder.
    """

    study: Path
    server: str = ""

    @classmethod
    def of(cls, study: Path, asked: str, variables: Mapping[str, str] | None = None) -> Target | None:
        """Return the target of a study; None when it is not tracked.

        Args:
            study: The study's folder.
            asked: ``off``, ``on``, or the server that the study file names, which counts before that of
                ``MLFLOW_TRACKING_URI``.
            variables: The environment; that of the process when None.
        """
        if asked == OFF:
            return None
        named = "" if asked == ON else asked
        return cls(study, named or (os.environ if variables is None else variables).get("MLFLOW_TRACKING_URI", ""))

    @property
    def store(self) -> Path:
        """The SQLite file in the study's folder."""
        return self.study / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The folder of artifacts in the study's folder."""
        return self.study / "mlartifacts"

    @property
    def name(self) -> str:
        """What the target is called in messages and in what a job depends on: no user and no password."""
        return redacted(self.server) or self.store.name
