"""Run an arm without a network on one cohort and write its features and sidecar."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from sixgig.arms.base import Computed, PlainArm
from sixgig.arms.plain_job import PlainJob
from sixgig.arms.pooling import pool_samples
from sixgig.arms.registry import get_arm
from sixgig.errors import ArmError, CohortFailedError, SixgigError
from sixgig.runtime.atomic import atomic_path, write_json
from sixgig.runtime.attempts import outcome
from sixgig.runtime.jobs import say_failed
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import require_cohort
from sixgig.runtime.versions import plain_versions
from sixgig.tables.features import write_features

_LOG = logging.getLogger(__name__)


def compute_cohort(kind: str, job: PlainJob, features: Path, image_features: Path) -> None:
    """Compute a cohort's features with a :class:`sixgig.arms.base.PlainArm`.

    Writes ``features`` (per subject, or per image), ``image_features`` (float32 [n_images, d], without rows when the
    arm's features are of subjects) and, next to the first, the sidecar ``.json``. When the arm fails with a known
    reason, the features have no rows and the sidecar's status says ``failed: reason``.

    Args:
        kind: Name of the arm's folder.
        job: What to compute, from what.
        features: Output .npz.
        image_features: Output .npy.

    Raises:
        PassingError: What stopped the arm may pass by itself.
    """
    arm = cast("PlainArm", get_arm(kind)())
    facts: dict[str, Any] = {}
    table = job.table()
    empty = np.zeros((0, 0), np.float32)
    with CostMeter("encode") as meter:
        try:
            require_cohort(job.cohort, job.gate)
            found = arm.compute(job)
            facts |= found.facts
            _check_finite(job, found)
            if found.of_subjects is None:
                rows = found.rows
                pooled, subjects, images = pool_samples(rows, table, job.options["pooling"], job.labels_of)
            else:
                rows, pooled, subjects, images = empty, found.rows, found.of_subjects, None
        except SixgigError as error:
            rows, pooled, subjects, images = empty, empty, np.zeros(0, dtype=str), None
            facts["status"] = outcome(error)
            _LOG.exception("arm %s failed", job.arm)
            say_failed(facts["status"], left_out=isinstance(error, CohortFailedError))
    cost = meter.cost(len(table))
    with atomic_path(image_features, rows.nbytes) as partial, partial.open("wb") as stream:
        np.save(stream, rows)
    write_features(features, pooled, subjects, images)
    write_json(
        features.with_suffix(".json"),
        _sidecar(job, facts, pooled, len(table), len(set(subjects)))
        | {
            "seconds": cost.seconds,
            "images_per_second": cost.images_per_second,
            "peak_vram_mb": cost.peak_vram_mb,
            "peak_rss_mb": cost.peak_rss_mb,
            "versions": plain_versions(),
        },
    )


def _check_finite(job: PlainJob, found: Computed) -> None:
    """Let no value through that is no number.

    Raises:
        ArmError: There is one.
    """
    if not np.isfinite(found.rows).all():
        row, column = (int(number[0]) for number in np.nonzero(~np.isfinite(found.rows)))
        raise ArmError(f"arms.{job.arm}", f"feature {column} of row {row} is not finite", "report this as a bug")


def _sidecar(
    job: PlainJob, facts: Mapping[str, Any], pooled: np.ndarray, n_images: int, n_subjects: int
) -> dict[str, Any]:
    return {
        "backbone": "",
        "weights": {},
        "status": "ok",
        **facts,
        "arm": job.arm,
        "device": "cpu",
        "device_name": "CPU",
        "dtype": "float32",
        "gpu": {},
        "fallbacks": [],
        "batch_size_asked": None,
        "batch_size_used": None,
        "n_images": n_images,
        "n_subjects": n_subjects,
        "n_features": int(pooled.shape[1]),
    }
