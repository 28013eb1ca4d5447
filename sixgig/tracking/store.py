"""MLflow's store of a study: opening it, and finding experiment and runs again."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import uuid
from typing import TYPE_CHECKING

from sixgig.tracking.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

KEY, STUDY, PARENT = "sixgig.key", "sixgig.study", "mlflow.parentRunId"

#: The most characters that MLflow accepts in the value of a parameter and of a tag.
PARAM_LENGTH, TAG_LENGTH = 6000, 8000
#: Where a store in a study's folder says that artifacts are: below the folder that `mlflow ui` is told, wherever that
#: is. So the store names no path, and a study that is moved or copied keeps its experiment.
_ARTIFACTS = "mlflow-artifacts:/"


def open_store(target: Target, seconds: int = 30, retries: int = 2) -> MlflowClient:
    """Open a store, making the one in the study's folder when it does not exist.

    Args:
        target: Where the study is tracked.
        seconds: How long an answer of a server is waited for, unless ``MLFLOW_HTTP_REQUEST_TIMEOUT`` is set.
        retries: How often a server is asked again, unless ``MLFLOW_HTTP_REQUEST_MAX_RETRIES`` is set.
    """
    # Before mlflow is imported, because it reads some of them then. Nothing else goes over the network.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it may hold a password
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(seconds))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(retries))
    logging.getLogger("alembic").setLevel(logging.WARNING)  # one line per migration of a new store otherwise
    from mlflow.tracking import MlflowClient

    if target.server:
        return MlflowClient(tracking_uri=target.server)
    if not target.store.exists():
        _make_store(target.store)
    client = MlflowClient(tracking_uri=f"sqlite:///{target.store.resolve()}")
    client.search_experiments(max_results=1)  # as this release of MLflow has it
    _forget_paths(target.store)
    return client


def open_experiment(client: MlflowClient, target: Target) -> str:
    """The id of the study's experiment, which has the study's name."""
    name = target.study.name
    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if target.server else _ARTIFACTS
        return str(client.create_experiment(name, artifact_location=location))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
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


def holds_run(store: Path, run_id: str) -> bool:
    """Whether an SQLite store is there and holds a run; a store that cannot be read just now is taken to do so."""
    if not store.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (run_id,)).fetchone())
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return False


def compact(store: Path) -> None:
    """Write an SQLite file anew: what was replaced in it would stay readable in the file otherwise."""
    with contextlib.suppress(sqlite3.Error):  # somebody looks at it just now; the next time will do
        connection = sqlite3.connect(store, timeout=10, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("VACUUM")


def _make_store(store: Path) -> None:
    """Make an SQLite store, whole or not at all: a process that is killed meanwhile must leave no half of one."""
    from mlflow.tracking import MlflowClient

    store.parent.mkdir(parents=True, exist_ok=True)
    partial = store.with_name(f".partial-{uuid.uuid4().hex}-{store.name}")
    try:
        MlflowClient(tracking_uri=f"sqlite:///{partial.resolve()}").search_experiments(max_results=1)
        try:
            os.link(partial, store)
        except FileExistsError:  # another job was faster
            return
        except OSError:  # a file system without links
            if not store.exists():
                partial.replace(store)
    finally:
        partial.unlink(missing_ok=True)


def _forget_paths(store: Path) -> None:
    """Take the paths of this machine out of a store: those of MLflow's default experiment, and of earlier releases.

    MLflow has no call for it. A store that is in use just now keeps them until it is opened the next time.
    """
    moved = "' (until it was moved from '"
    statements = (
        f"UPDATE experiments SET artifact_location = '{_ARTIFACTS}' WHERE artifact_location NOT LIKE '{_ARTIFACTS}%'",
        f"UPDATE runs SET artifact_uri = '{_ARTIFACTS}' || run_uuid || '/artifacts' "
        f"WHERE artifact_uri NOT LIKE '{_ARTIFACTS}%'",
        f"UPDATE experiments SET name = substr(name, 1, instr(name, {moved}) - 1) || ' (until it was moved, ' "
        f"|| experiment_id || ')' WHERE instr(name, {moved}) > 0",
    )
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(store, timeout=20)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
