"""MLflow's store of a study: opening it, and finding experiment and runs again."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

KEY, STUDY, PARENT = "sixgig.key", "sixgig.study", "mlflow.parentRunId"

#: The most characters that MLflow accepts in the value of a parameter and of a tag.
PARAM_LENGTH, TAG_LENGTH = 6000, 8000


def open_store(store: Path) -> MlflowClient:
    """Open an SQLite store, making it when it does not exist; MLflow is set to send nothing over the network."""
    # Before mlflow is imported, because it reads them then.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    logging.getLogger("alembic").setLevel(logging.WARNING)  # one line per migration of a new store otherwise
    from mlflow.tracking import MlflowClient

    store.parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=f"sqlite:///{store.resolve()}")


def open_experiment(client: MlflowClient, name: str, location: str) -> str:
    """The id of the study's experiment, whose artifacts are at ``location``."""
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if found is not None and found.artifact_location != location:
        # The study's folder was moved. MLflow cannot change the location, and the old one is somebody else's now.
        client.rename_experiment(found.experiment_id, f"{name} (until it was moved from {found.artifact_location})")
        found = None
    if found is None:
        return str(client.create_experiment(name, artifact_location=location))
    return str(found.experiment_id)


def known_runs(client: MlflowClient, experiment: str) -> dict[str, Run]:
    """The runs of an experiment by their key."""
    runs: dict[str, Run] = {}
    token = None
    while True:
        page = client.search_runs([experiment], order_by=["attributes.start_time DESC"], page_token=token)
        for run in page:
            if KEY in run.data.tags:
                runs[run.data.tags[KEY]] = run  # should there be two with one key, the oldest wins
        token = page.token
        if not token:
            return runs


def open_run(
    client: MlflowClient, experiment: str, known: dict[str, Run], key: str, name: str, tags: dict[str, str]
) -> Run:
    """The run of a key, made when there is none."""
    if key in known:
        return known[key]
    return client.create_run(experiment, tags={**short(tags, TAG_LENGTH), KEY: key}, run_name=name)


def short(values: dict[str, str], length: int) -> dict[str, str]:
    """Cut values to a length that MLflow accepts."""
    return {name: value if len(value) <= length else value[: length - 1] + "…" for name, value in values.items()}


def compact(store: Path) -> None:
    """Write an SQLite file anew: what was replaced in it would stay readable in the file otherwise."""
    with contextlib.suppress(sqlite3.Error):  # somebody looks at it just now; the next time will do
        connection = sqlite3.connect(store, timeout=10, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("VACUUM")
