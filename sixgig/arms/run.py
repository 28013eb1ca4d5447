"""Run one arm on one cohort and write its features and sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.arms.begun import Encoding
from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.pooling import check_pooling, pool_samples
from sixgig.arms.shards import Encoded, read_shards, write_shard
from sixgig.arms.written import cost_of, failed, rows_of, write_all
from sixgig.errors import SixgigError
from sixgig.runtime.jobs import say_failed
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import require_cohort
from sixgig.tables.cohorts import MANIFEST


def encode_cohort(job: EncodeJob, features: Path, image_features: Path) -> None:
    """Encode a cohort's images.

    Writes ``features`` (per subject, or per image), ``image_features`` (float32 [n_images, d]) and, next to the first,
    the sidecar ``.json``. When the arm fails with a known reason, the features have no rows and the sidecar's status
    says ``failed: reason``, so that the rest of the study goes on and the report shows it.

    Args:
        job: What to encode, with what.
        features: Output .npz.
        image_features: Output .npy.

    Raises:
        GpuError: The study asks for a GPU that cannot be used; no arm could run then.
        PassingError: What stopped the arm may pass by itself; what it has encoded is kept.
    """
    begun = Encoding(job)
    with CostMeter("encode") as meter:
        try:
            table = _table(job)
            rows = begun.rows(table)
            pooled, subject_ids, image_ids = pool_samples(rows, table, job.options["pooling"], job.labels_of)
        except (SixgigError, RuntimeError) as error:
            rows, pooled, subject_ids, image_ids = failed(job.arm, error, begun.facts)
    facts = begun.facts
    facts.setdefault("cost", cost_of(meter, len(rows) or len(begun.images), facts))
    write_all(job, features, image_features, rows, (pooled, subject_ids, image_ids), facts)
    begun.keep(image_features)


def encode_shard(job: EncodeJob, output: Encoded) -> None:
    """Encode a part of a cohort's images, ``job.part``, for :func:`gather_cohort`.

    When the arm fails with a known reason, there are no rows, and ``status`` says ``failed: reason``.

    Raises:
        GpuError: See :func:`encode_cohort`.
        PassingError: Likewise.
    """
    begun = Encoding(job)
    with CostMeter("encode") as meter:
        try:
            rows = begun.rows(_table(job))
        except (SixgigError, RuntimeError) as error:
            rows, *_ = failed(job.arm, error, begun.facts)
    begun.facts.setdefault("cost", cost_of(meter, len(rows), begun.facts))
    write_shard(output, rows, begun.facts)
    begun.keep(output.rows)


def gather_cohort(job: EncodeJob, shards: Sequence[Encoded], features: Path, image_features: Path) -> None:
    """Write what :func:`encode_cohort` writes, from what shards have encoded.

    Args:
        job: What they encoded; its ``part`` is None.
        shards: Their files, in order.
        features: Output .npz.
        image_features: Output .npy.
    """
    asked = int(job.options["batch_size"])
    facts: dict[str, Any] = {"batch_size_used": asked, "device": "cpu", "dtype": "float32", "fallbacks": []}
    with CostMeter("encode") as meter:
        try:
            table = _table(job)
            rows, facts = read_shards(shards)
            if facts.get("status"):
                say_failed(facts["status"])
                pooled, subject_ids, image_ids = np.zeros((0, 0), np.float32), np.zeros(0, dtype=str), None
            else:
                pooled, subject_ids, image_ids = pool_samples(rows, table, job.options["pooling"], job.labels_of)
        except (SixgigError, RuntimeError) as error:
            rows, pooled, subject_ids, image_ids = failed(job.arm, error, facts)
    facts.setdefault("cost", cost_of(meter, len(rows), facts))
    write_all(job, features, image_features, rows, (pooled, subject_ids, image_ids), facts)


def _table(job: EncodeJob) -> pd.DataFrame:
    """Return what each row of the features belongs to: the manifest, or its first row of every volume.

    Raises:
        SixgigError: The cohort failed, or its features cannot be pooled as the arm asks.
    """
    require_cohort(job.cohort, job.gate)
    table = rows_of(MANIFEST.read(job.manifest), volumes=job.volumes is not None)
    check_pooling(table, job.options["pooling"], job.labels_of)
    return table
