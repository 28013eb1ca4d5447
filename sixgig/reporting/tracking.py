"""Records a study in MLflow: one parent run, one nested run per cohort, arm and classifier.

The store is an SQLite file and the artifacts a folder, both inside the study's results, or a server that the user
names. A run is found again by its tag ``sixgig.key``, so that recording a study twice updates its runs instead of
adding new ones. MLflow does not let a parameter change: a parameter that has changed stays as it was first logged, and
its present value is kept in the tag ``sixgig.param.<name>``, and all changes in the tag ``sixgig.params_changed`` and
in the log.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.redaction import redacted
from sixgig.reporting.tracked_card import track_card
from sixgig.reporting.tracked_files import keep_files
from sixgig.reporting.tracked_trainings import track_training
from sixgig.results.fractions import curves
from sixgig.results.study import Method, Study, is_failed
from sixgig.tracking.record import Record
from sixgig.tracking.store import (
    PARAM_LENGTH,
    PARENT,
    STUDY,
    TAG_LENGTH,
    compact,
    known_runs,
    open_experiment,
    open_run,
    open_store,
    short,
)
from sixgig.tracking.target import Target

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_LOG = logging.getLogger(__name__)
_WHOLE_STUDY = "study"
#: Tag of a run whose parameters are no longer those that it was first logged with: which, from what to what.
CHANGED = "sixgig.params_changed"
#: Stands for the present value of a parameter that the study no longer has.
UNSET = "not set"


def track_study_safely(
    study: Study, target: Target, files: Sequence[Path], trainings: Sequence[Path], attempt: int
) -> Record:
    """Record a study; a problem with MLflow is logged and noted, never raised.

    Args:
        study: The study, with its tables, figures and report written.
        target: Where it is tracked.
        files: The files that are copied there.
        trainings: The loss curve (``pretraining/<cohort>/<arm>.csv``) of every training.
        attempt: How often it is recorded again because something was missing.

    Returns:
        What was recorded, and what was the trouble.
    """
    try:
        return Record(track_study(study, target, files, trainings), attempt)
    except Exception as error:  # MLflow, SQLAlchemy, SQLite and requests raise without a common base
        reason = redacted(" ".join(f"{type(error).__name__}: {error}".split()))[:240]
        trouble = f"the study was not recorded in {target.name}, or not all of it: {reason}"
        _LOG.warning("%s", trouble)
        return Record({}, attempt, trouble)


def track_study(study: Study, target: Target, files: Sequence[Path], trainings: Sequence[Path] = ()) -> dict[str, str]:
    """Record a study in MLflow.

    Args:
        study: The study, with its tables written.
        target: Where it is tracked.
        files: Files of the study that are copied there: its figures, tables and report.
        trainings: The loss curve (``pretraining/<cohort>/<arm>.csv``) of every training.

    Returns:
        Run id by key: ``study`` for the parent run, ``<cohort>/<arm>/<classifier>`` for the nested ones,
        ``pretrain/<cohort>/<arm>`` for trainings.
    """
    client = open_store(target)
    experiment = open_experiment(client, target)
    known = known_runs(client, experiment)
    ids = {}

    parent = open_run(client, experiment, known, _WHOLE_STUDY, study.title, {STUDY: study.name})
    _log(client, parent, _study_params(study), _study_metrics(study), _verdict_tags(study))
    track_card(client, parent, study)
    ids[_WHOLE_STUDY] = str(parent.info.run_id)
    for curve in trainings:
        key, run_id = track_training(client, experiment, known, study.name, curve)
        ids[key] = run_id
    for cohort in study.cohorts:
        statuses = study.estimates(cohort)
        for method in study.methods(cohort):
            key = f"{cohort}/{method.arm}/{method.classifier}"
            status = str(statuses[method]["status"])
            tags = {STUDY: study.name, PARENT: ids[_WHOLE_STUDY], "sixgig.status": status}
            run = open_run(client, experiment, known, key, key, tags)
            _log(client, run, _method_params(study, cohort, method), _method_metrics(study, cohort, method), tags)
            client.set_terminated(run.info.run_id, "FAILED" if is_failed(status) else "FINISHED")
            ids[key] = str(run.info.run_id)
    keep_files(client, target, parent.info, study.folder, files)
    client.set_terminated(ids[_WHOLE_STUDY], "FINISHED")
    if not target.server:
        compact(target.store)
    return ids


def _log(
    client: MlflowClient, run: Run, params: dict[str, Any], metrics: dict[str, float], tags: dict[str, str]
) -> None:
    """Log what differs from what the run already holds, in one call (MLflow takes up to 1,000 values)."""
    from mlflow.entities import Metric, Param, RunTag

    wanted = short({name: str(value) for name, value in params.items() if value is not None}, PARAM_LENGTH)
    old = run.data.params
    tags = dict(tags)
    for name, value in wanted.items():
        changed = name in old and old[name] != value
        if changed or f"sixgig.param.{name}" in run.data.tags:
            tags[f"sixgig.param.{name}"] = value
    stale = {name: wanted.get(name, UNSET) for name in old if old[name] != wanted.get(name, UNSET)}
    if stale or CHANGED in run.data.tags:
        tags |= {f"sixgig.param.{name}": UNSET for name, value in stale.items() if value == UNSET}
        tags[CHANGED] = "; ".join(f"{name}: {old[name]} -> {value}" for name, value in sorted(stale.items())) or UNSET
    if stale:
        _LOG.warning(
            "MLflow keeps the values that run %s was first logged with; they are now, as its tags say: %s",
            run.info.run_name, tags[CHANGED],
        )  # fmt: skip
    now = int(time.time() * 1000)
    new_metrics = [
        Metric(name, value, now, 0)
        for name, value in metrics.items()
        if math.isfinite(value) and run.data.metrics.get(name) != value
    ]
    new_params = [Param(name, value) for name, value in wanted.items() if name not in old]
    new_tags = [RunTag(k, v) for k, v in short(tags, TAG_LENGTH).items() if run.data.tags.get(k) != v]
    client.log_batch(run.info.run_id, metrics=new_metrics, params=new_params, tags=new_tags)


def _study_params(study: Study) -> dict[str, Any]:
    evaluation = study.config.get("evaluation") or {}
    params = {name: study.config.get(name) for name in ("seed", "scope", "device")}
    params |= {f"evaluation.{name}": value for name, value in evaluation.items()}
    params["cohorts"] = ", ".join(study.cohorts)
    return params


def _verdict_tags(study: Study) -> dict[str, str]:
    """Level and headline of every cohort, as tags: a verdict may change, and MLflow's parameters cannot."""
    tags: dict[str, str] = {}
    for _, row in study.verdicts.iterrows():
        tags |= {f"sixgig.verdict.{row['cohort']}.{name}": str(row[name]) for name in ("level", "headline")}
    return tags


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
        if "seed_sd" in row:
            metrics[f"{row['metric']}.seed_sd"] = float(row["seed_sd"])
    if study.has_fractions:
        for point in curves(study, cohort).get(method, []):
            name = f"{study.metric}.labels_{point.fraction:g}"
            metrics |= {name: point.estimate, f"{name}.ci_low": point.low, f"{name}.ci_high": point.high}
    measured = ["seconds", "images_per_second", "peak_vram_mb", "peak_rss_mb"]
    for stage, row in rows(study.costs).groupby("stage", sort=False)[measured].mean().iterrows():  # over seeds
        kind, _, classifier = str(stage).partition(":")
        if classifier not in ("", method.classifier):
            continue
        for name in measured:
            metrics[f"cost.{kind}.{name}"] = float(row[name])
    return metrics
