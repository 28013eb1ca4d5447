"""Records a study in MLflow: one parent run, one nested run per cohort, arm and classifier.

The store is an SQLite file and the artifacts a folder, both inside the study's results; nothing goes over the network.
A run is found again by its tag ``sixgig.key``, so that recording a study twice updates its runs instead of adding new
ones. MLflow does not let a parameter change: a parameter that did is left as first logged, and its present value is
kept in the tag ``sixgig.param.<name>``.
"""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.study import Method, Study, is_failed

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_LOG = logging.getLogger(__name__)
_KEY, _STUDY, _PARENT, _NAME = "sixgig.key", "sixgig.study", "mlflow.parentRunId", "mlflow.runName"
_WHOLE_STUDY = "study"
#: The most characters that MLflow accepts in the value of a parameter and of a tag.
_PARAM_LENGTH, _TAG_LENGTH = 6000, 8000


def track_study_safely(study: Study, store: Path, artifacts: Path) -> dict[str, str]:
    """Record a study; trouble with MLflow is logged and reported, never raised.

    Args:
        study: See :func:`track_study`.
        store: See there.
        artifacts: See there.

    Returns:
        Run id by key; on trouble ``{"warning": reason}``.
    """
    try:
        return track_study(study, store, artifacts)
    except Exception as error:  # MLflow, SQLAlchemy and SQLite raise without a common base
        reason = f"the study was not recorded in MLflow: {type(error).__name__}: {error}"
        _LOG.warning("%s", reason, exc_info=True)
        return {"warning": reason}


def track_study(study: Study, store: Path, artifacts: Path) -> dict[str, str]:
    """Record a study in MLflow.

    Args:
        study: The study, with its tables, figures and report written.
        store: The SQLite file; made when it does not exist.
        artifacts: The folder that artifacts are copied to.

    Returns:
        Run id by key: ``study`` for the parent run, ``<cohort>/<arm>/<classifier>`` for the nested ones.
    """
    client = open_store(store)
    experiment = open_experiment(client, study.name, artifacts.resolve().as_uri())
    known = known_runs(client, experiment)
    ids = {}

    parent = open_run(client, experiment, known, _WHOLE_STUDY, study.title, {_STUDY: study.name})
    _log(client, parent, _study_params(study), _study_metrics(study), {})
    ids[_WHOLE_STUDY] = str(parent.info.run_id)
    for cohort in study.cohorts:
        statuses = study.estimates(cohort)
        for method in study.methods(cohort):
            key = f"{cohort}/{method.arm}/{method.classifier}"
            status = str(statuses[method]["status"])
            tags = {_STUDY: study.name, _PARENT: ids[_WHOLE_STUDY], "sixgig.status": status}
            run = open_run(client, experiment, known, key, key, tags)
            _log(client, run, _method_params(study, cohort, method), _method_metrics(study, cohort, method), tags)
            client.set_terminated(run.info.run_id, "FAILED" if is_failed(status) else "FINISHED")
            ids[key] = str(run.info.run_id)
    _log_files(client, ids[_WHOLE_STUDY], study.folder)
    client.set_terminated(ids[_WHOLE_STUDY], "FINISHED")
    return ids


def open_store(store: Path) -> MlflowClient:
    """Open an SQLite store, making it when it does not exist; MLflow is told to send nothing anywhere."""
    # Before mlflow is imported, because it reads them then.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    logging.getLogger("alembic").setLevel(logging.WARNING)  # one line per migration of a new store otherwise
    from mlflow.tracking import MlflowClient

    store.parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=f"sqlite:///{store.resolve()}")


def open_experiment(client: MlflowClient, name: str, location: str) -> str:
    """The id of the study's experiment, whose artifacts lie at ``location``."""
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
            if _KEY in run.data.tags:
                runs[run.data.tags[_KEY]] = run  # the oldest of a key wins, should there be two
        token = page.token
        if not token:
            return runs


def open_run(
    client: MlflowClient, experiment: str, known: dict[str, Run], key: str, name: str, tags: dict[str, str]
) -> Run:
    """The run of a key, made when there is none."""
    if key in known:
        return known[key]
    return client.create_run(experiment, tags={**_short(tags, _TAG_LENGTH), _KEY: key}, run_name=name)


def _log(
    client: MlflowClient, run: Run, params: dict[str, Any], metrics: dict[str, float], tags: dict[str, str]
) -> None:
    """Log what differs from what the run already holds, in one call (MLflow takes up to 1,000 values)."""
    from mlflow.entities import Metric, Param, RunTag

    wanted = _short({name: str(value) for name, value in params.items() if value is not None}, _PARAM_LENGTH)
    old = run.data.params
    tags = dict(tags)
    for name, value in wanted.items():
        changed = name in old and old[name] != value
        if changed or f"sixgig.param.{name}" in run.data.tags:
            tags[f"sixgig.param.{name}"] = value
    now = int(time.time() * 1000)
    new_metrics = [
        Metric(name, value, now, 0)
        for name, value in metrics.items()
        if math.isfinite(value) and run.data.metrics.get(name) != value
    ]
    new_params = [Param(name, value) for name, value in wanted.items() if name not in old]
    new_tags = [RunTag(k, v) for k, v in _short(tags, _TAG_LENGTH).items() if run.data.tags.get(k) != v]
    client.log_batch(run.info.run_id, metrics=new_metrics, params=new_params, tags=new_tags)


def _short(values: dict[str, str], length: int) -> dict[str, str]:
    return {name: value if len(value) <= length else value[: length - 1] + "…" for name, value in values.items()}


def _study_params(study: Study) -> dict[str, Any]:
    evaluation = study.config.get("evaluation") or {}
    params = {name: study.config.get(name) for name in ("seed", "scope", "device")}
    params |= {f"evaluation.{name}": value for name, value in evaluation.items()}
    params["cohorts"] = ", ".join(study.cohorts)
    return params


def _study_metrics(study: Study) -> dict[str, float]:
    return {"seconds": float(study.costs["seconds"].sum())}


def _method_params(study: Study, cohort: str, method: Method) -> dict[str, Any]:
    sidecar = study.sidecar(cohort, method.arm) or {}
    weights = sidecar.get("weights") or {}
    names = ("backbone", "device", "dtype", "batch_size_asked", "batch_size_used", "n_features")
    params: dict[str, Any] = {"cohort": cohort, "arm": method.arm, "classifier": method.classifier}
    params |= {name: sidecar.get(name) for name in names}
    params |= {"weights": weights.get("name"), "weights_sha256": weights.get("sha256")}
    params |= {"seed": study.config.get("seed"), "splits_sha256": study.splits_sha256(cohort)}
    evaluation = study.config.get("evaluation") or {}
    return params | {name: evaluation.get(name) for name in ("folds", "repeats")}


def _method_metrics(study: Study, cohort: str, method: Method) -> dict[str, float]:
    def rows(table: Any) -> Any:
        return table[(table["cohort"] == cohort) & (table["arm"] == method.arm)]

    metrics: dict[str, float] = {}
    own = rows(study.summary)
    for _, row in own[own["classifier"] == method.classifier].iterrows():
        metrics[str(row["metric"])] = float(row["estimate"])
        metrics[f"{row['metric']}.ci_low"] = float(row["ci_low"])
        metrics[f"{row['metric']}.ci_high"] = float(row["ci_high"])
    for _, row in rows(study.costs).iterrows():
        stage = str(row["stage"])
        if stage.startswith("classify:") and stage != f"classify:{method.classifier}":
            continue
        for name in ("seconds", "images_per_second", "peak_vram_mb", "peak_rss_mb"):
            metrics[f"cost.{stage.partition(':')[0]}.{name}"] = float(row[name])
    return metrics


def _log_files(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Copy the figures, the report and the tables to the parent run's artifacts."""
    if (folder / "figures").is_dir():
        client.log_artifacts(run_id, str(folder / "figures"), "figures")
    statistics = [f"statistics/{name}.csv" for name in ("pairwise", "omnibus", "ranks", "factors", "budget")]
    for name in ("report.html", "study.json", "metrics.csv", "summary.csv", "costs.csv", *statistics):
        if (folder / name).exists():
            client.log_artifact(run_id, str(folder / name), str(Path(name).parent) if "/" in name else None)
