"""Compute a cohort's features with an arm that reads another arm's features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from sixgig.arms.base import FeatureArm
from sixgig.arms.naming import naming
from sixgig.arms.pooling import check_pooling, pool_samples
from sixgig.arms.registry import get_arm
from sixgig.arms.written import cost_of, failed, rows_of, write_sidecar
from sixgig.errors import SixgigError
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import require_cohort
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import write_features


def transform_cohort(
    arm_name: str,
    kind: str,
    options: Mapping[str, Any],
    source: str,
    source_features: Path,
    manifest: Path,
    learn_from: set[str],
    features: Path,
    seed: int,
    labels_of: str = "subject",
    cohort: str = "",
    gate: Path | None = None,
    of_volumes: bool = False,
    other: tuple[Path, Path] | None = None,
) -> None:
    """Compute a cohort's features with a :class:`FeatureArm`.

    Args:
        arm_name: Name of the arm in the study.
        kind: Its kind.
        options: The arm's stanza in the config.
        source: Name of the arm whose features it computes from.
        source_features: Image features (.npy) of the arm's source arm; no rows when that arm failed.
        manifest: manifest.csv of the cohort.
        learn_from: Subjects the arm may learn from.
        features: Output .npz; the sidecar goes next to it.
        seed: The study's seed.
        labels_of: What has a class and is a row of the features: ``subject`` or ``image``.
        cohort: Name of the cohort.
        gate: leakage.json of the cohort; nothing is computed on a cohort that failed.
        of_volumes: Whether the source arm has a feature of every volume, and not of every image.
        other: Image features of another cohort and its manifest.csv: that cohort's features are written, computed with
            what the arm learned on this one.
    """
    arm = cast("FeatureArm", get_arm(kind)())
    facts: dict[str, Any] = {"fallbacks": [], "batch_size_used": int(options["batch_size"]), "dtype": "float32"}
    facts |= {"device": "cpu", "device_name": "CPU", "backbone": source, "source_arm": source, "weights": {}}
    table = rows_of(MANIFEST.read(manifest), volumes=of_volumes)
    with CostMeter("encode") as meter:
        try:
            require_cohort(cohort, gate)
            check_pooling(table, options["pooling"], labels_of)
            rows = np.load(source_features)
            if len(rows) == 0 and len(table) > 0:
                raise SixgigError(source, "failed, and this arm needs its features", "see that arm's reason")
            may_learn = table["subject_id"].isin(learn_from).to_numpy(dtype=bool)
            own = 0
            if other is not None:
                own, table = len(rows), rows_of(MANIFEST.read(other[1]), volumes=of_volumes)
                rows = _beside(rows, np.load(other[0]), source, len(table))
                may_learn = np.concatenate([may_learn, np.zeros(len(table), dtype=bool)])
            with naming(kind, arm_name):
                coded, learned = arm.transform(rows, may_learn, options, seed)
            coded = coded[own:]
            facts["learned"] = dict(learned)
            pooled, subject_ids, image_ids = pool_samples(coded, table, options["pooling"], labels_of)
        except (SixgigError, np.linalg.LinAlgError) as error:
            _, pooled, subject_ids, image_ids = failed(arm_name, error, facts)
    facts["cost"] = cost_of(meter, len(table), facts)
    write_features(features, pooled, subject_ids, image_ids)
    write_sidecar(features, arm_name, int(options["batch_size"]), len(table), pooled, len(set(subject_ids)), facts)


def _beside(rows: np.ndarray, others: np.ndarray, source: str, n_others: int) -> np.ndarray:
    """Return image features of a cohort and of another one, one after the other.

    Raises:
        SixgigError: The source arm has none of the other cohort, or they are of another length.
    """
    if len(others) == 0 and n_others:
        raise SixgigError(source, "failed on the external cohort, and this arm needs its features", "see its reason")
    if rows.shape[1] != others.shape[1]:
        reason = f"has {rows.shape[1]} features of an image, and {others.shape[1]} on the external cohort"
        raise SixgigError(source, reason, "give both cohorts the same volumes")
    return np.concatenate([rows, others])
