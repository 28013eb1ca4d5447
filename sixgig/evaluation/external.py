"""One method, trained on all evaluation subjects of a cohort and tested on another cohort."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.classifiers.bags import Bags, bags_of
from sixgig.errors import ClassifierError, SixgigError
from sixgig.evaluation.bags import check_bags_of
from sixgig.evaluation.cross_validation import predict_held_out
from sixgig.evaluation.effects import plain
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import failed_status
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features
from sixgig.tables.predictions import IMAGE, PREDICTIONS, no_predictions
from sixgig.tables.roles import EVALUATION, TEST

_LOG = logging.getLogger(__name__)
#: What names of each cohort begin with while both are in one table: two hospitals number their patients alike.
_OWN, _OTHER = "own ", "other "


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is known of one of the two cohorts.

    Attributes:
        name: Its name.
        splits: splits.csv.
        features: .npz of its subjects, or images; None for a classifier that sees none.
        sidecar: What the encoding says of itself; None without features.
        manifest: manifest.csv where images have classes of their own; else None.
        image_features: .npy of its images, or volumes, for a classifier of bags; else None.
        images: manifest.csv that says whose they are; else None.
    """

    name: str
    splits: Path
    features: Path | None = None
    sidecar: Path | None = None
    manifest: Path | None = None
    image_features: Path | None = None
    images: Path | None = None

    @classmethod
    def of(cls, name: str, files: Any, place: int) -> Side:
        """Return the cohort at a place of a job's inputs; each name there holds the files of both cohorts, or none."""
        optional = {key: files[key] for key in ("features", "sidecar", "manifest", "image_features", "images")}
        given = {key: Path(both[place]) if both else None for key, both in optional.items()}
        return cls(name=name, splits=Path(files["splits"][place]), **given)


@dataclass(frozen=True, kw_only=True)
class ExternalJob:
    """All that decides the predictions of a method on another cohort.

    Attributes:
        own: The cohort whose evaluation subjects it is trained on.
        other: The cohort whose labelled subjects it is tested on.
        gate: What :func:`sixgig.evaluation.external_gate.check_external` found.
        classifier: Registry name.
        options: The classifier's stanza.
        inner_folds: Folds of the search for hyper-parameters.
        seed: The study's seed.
        predictions: Output .csv; a ``.json`` file of cost, choice and status stands beside it.
        of_volumes: Whether the arm has a feature of every volume of a subject, and not of every image.
    """

    own: Side
    other: Side
    gate: Path
    classifier: str
    options: Mapping[str, Any]
    inner_folds: int
    seed: int
    predictions: Path
    of_volumes: bool = False


def classify_external(job: ExternalJob) -> None:
    """Train a method as for a held-out test set, and predict every labelled subject of another cohort, once.

    The model is that of :func:`sixgig.evaluation.cross_validation.predict_held_out`: hyper-parameters are chosen among
    the evaluation subjects of the first cohort, and nothing is fitted to the second one. Where the gate was not passed
    or the arm failed there are no predictions, and ``status`` in the ``.json`` file says why.
    """
    of_images = job.own.manifest is not None
    found, chosen = no_predictions(of_images), pd.DataFrame()
    status = _failed_before(job)
    facts: dict[str, Any] = {"left_out": True} if status else {}
    with CostMeter(f"classify:{job.classifier}") as meter:
        if status:
            say_left_out("the gate, the arm or a cohort failed, see its own line")
        else:
            try:
                found, chosen = _predict(job)
            except SixgigError as error:
                status = as_outcome(error)
                _LOG.exception("%s failed", job.predictions.stem)
                say_failed(status)
    PREDICTIONS.write(found, job.predictions)
    facts |= {"cost": meter.cost().as_dict(), "chosen": plain(chosen).to_dict(orient="records")}
    write_json(job.predictions.with_suffix(".json"), facts | {"status": status or _status(job)})


def _failed_before(job: ExternalJob) -> str:
    files = [job.gate, *(side.sidecar for side in (job.own, job.other) if side.sidecar is not None)]
    return next((status for file in files if (status := failed_status(read_json(file)))), "")


def _status(job: ExternalJob) -> str:
    """Return how the features came about: ``ok``, or the fallback of one of the two encodings."""
    statuses = [str(read_json(side.sidecar)["status"]) for side in (job.own, job.other) if side.sidecar is not None]
    return next((status for status in statuses if status != "ok"), "ok")


def _predict(job: ExternalJob) -> tuple[pd.DataFrame, pd.DataFrame]:
    own, other = SPLITS.read(job.own.splits), SPLITS.read(job.other.splits)
    own = own[own["role"] == EVALUATION]
    tested = other[other["label"].notna()].drop_duplicates("subject_id")
    parts: list[pd.DataFrame] = [_named(own, _OWN), _named(tested.assign(role=TEST), _OTHER)]
    splits = pd.concat(parts, ignore_index=True)
    images = None
    if job.own.manifest is not None and job.other.manifest is not None:
        tables = (_named(MANIFEST.read(job.own.manifest), _OWN), _named(MANIFEST.read(job.other.manifest), _OTHER))
        images = pd.concat([table.drop(columns="official", errors="ignore") for table in tables], ignore_index=True)
    bags = None
    if job.own.image_features is not None and job.other.image_features is not None:
        bags, names = _bags(job)
        features: Any = np.arange(float(len(bags)))[:, None]
    else:
        features, names = _features(job, splits, images)
    found, chosen = predict_held_out(
        features, names, splits, job.classifier, job.options, inner_folds=job.inner_folds, seed=job.seed, images=images,
        place=job.other.features or job.other.image_features or job.other.splits, bags=bags,
    )  # fmt: skip
    for column in ("subject_id", IMAGE):
        if column in found:
            found[column] = found[column].str.removeprefix(_OTHER)
    return found, chosen


def _named(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    columns = [name for name in ("subject_id", IMAGE) if name in table]
    return table.assign(**{name: prefix + table[name].astype(str) for name in columns})


def _features(job: ExternalJob, splits: pd.DataFrame, images: pd.DataFrame | None) -> tuple[Any, list[str]]:
    """Return features and names of both cohorts, one after the other."""
    if job.own.features is None or job.other.features is None:  # a classifier that sees none
        names = (splits["subject_id"].drop_duplicates() if images is None else images[IMAGE]).astype(str).tolist()
        return np.zeros((len(names), 1), np.float32), names
    (own, own_names), (other, other_names) = (read_features(path) for path in (job.own.features, job.other.features))
    _check_widths(job, own, other)
    names = [f"{_OWN}{name}" for name in own_names] + [f"{_OTHER}{name}" for name in other_names]
    return np.concatenate([own, other]), names


def _bags(job: ExternalJob) -> tuple[Bags, list[str]]:
    """Return the bags of both cohorts, one after the other, and the name of each."""
    rows, tables = [], []
    for side, prefix in ((job.own, _OWN), (job.other, _OTHER)):
        assert side.image_features is not None
        assert side.images is not None
        table = MANIFEST.read(side.images)
        if job.of_volumes:
            table = table.drop_duplicates("volume_id")
        rows.append(np.load(side.image_features, mmap_mode="r"))
        tables.append(_named(table, prefix).drop(columns="official", errors="ignore"))
        if len(rows[-1]) != len(table):
            raise ClassifierError(
                side.image_features,
                f"has {len(rows[-1])} rows for {len(table)} images of {side.name}",
                "delete the cohort's features and run snakemake again",
            )
    _check_widths(job, *rows)
    bags, names = bags_of(np.concatenate(rows), pd.concat(tables, ignore_index=True))
    check_bags_of(bags, job.other.image_features)
    return bags, names


def _check_widths(job: ExternalJob, own: Any, other: Any) -> None:
    if own.shape[1] != other.shape[1]:
        raise ClassifierError(
            f"config key cohorts.{job.own.name}.evaluate_on",
            f"subjects of {job.own.name} have {own.shape[1]} features, and those of {job.other.name} {other.shape[1]}: "
            "frames, partitions or pooling of the two cohorts differ",
            "give both cohorts the same modalities, frames and slices, or remove the cohort",
        )
