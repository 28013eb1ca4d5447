"""What is written of features: their files, their sidecar, and why there are none."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.arms.encode_job import EncodeJob
from sixgig.errors import CohortFailedError
from sixgig.runtime.atomic import atomic_path, write_json
from sixgig.runtime.attempts import outcome
from sixgig.runtime.jobs import say_failed, say_fallbacks
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.versions import encoding_versions
from sixgig.tables.features import write_features

_LOG = logging.getLogger(__name__)


def write_all(
    job: EncodeJob,
    features: Path,
    image_features: Path,
    rows: np.ndarray,
    pooled: tuple[np.ndarray, np.ndarray, np.ndarray | None],
    facts: Mapping[str, Any],
) -> None:
    """Write the features of images [n, d], of subjects, and their sidecar."""
    with atomic_path(image_features, rows.nbytes) as partial, partial.open("wb") as stream:
        np.save(stream, rows)
    write_features(features, *pooled)
    number = len(rows) or len(np.load(job.images, mmap_mode="r"))
    asked = int(job.options["batch_size"])
    write_sidecar(features, job.arm, asked, number, pooled[0], len(set(pooled[1])), facts)


def rows_of(manifest: pd.DataFrame, *, volumes: bool) -> pd.DataFrame:
    """Return what each row of the features belongs to: every image, or the first one of every volume."""
    return manifest.drop_duplicates("volume_id").reset_index(drop=True) if volumes else manifest


def failed(arm_name: str, error: Exception, facts: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, None]:
    """Note that an arm failed and say so; return features without rows."""
    facts["status"] = outcome(error)
    _LOG.exception("arm %s failed", arm_name)
    say_failed(facts["status"], left_out=isinstance(error, CohortFailedError))
    return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, dtype=str), None


def cost_of(meter: CostMeter, n_images: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the work has cost so far, as it stands in a sidecar."""
    cost = meter.cost(n_images, facts["batch_size_used"], facts["device"])
    return {
        "seconds": cost.seconds,
        "images_per_second": cost.images_per_second if math.isfinite(cost.images_per_second or 0.0) else None,
        "peak_vram_mb": cost.peak_vram_mb,
        "peak_rss_mb": cost.peak_rss_mb,
        "versions": encoding_versions(),
    }


def write_sidecar(
    features: Path,
    arm: str,
    asked: int,
    n_images: int,
    pooled: np.ndarray,
    n_subjects: int,
    facts: Mapping[str, Any],
) -> None:
    """Write the sidecar beside features, and say which fallbacks were taken.

    Args:
        features: The .npz that it belongs to.
        arm: Name of the arm.
        asked: Batch size that the study asks for.
        n_images: Images or volumes that were encoded.
        pooled: Features of subjects or images, [n, d].
        n_subjects: Subjects among them.
        facts: What else is known, ``cost`` included.
    """
    fallbacks = list(facts["fallbacks"])
    if not facts.get("status"):
        say_fallbacks(fallbacks)
    status = facts.get("status") or (f"fallback: {'; '.join(fallbacks)}" if fallbacks else "ok")
    sidecar = {
        "backbone": "",
        "weights": {},
        "device_name": "",
        "gpu": {},
        **{name: value for name, value in facts.items() if name != "cost"},
        **facts["cost"],
        "arm": arm,
        "fallbacks": fallbacks,
        "status": status,
        "batch_size_asked": asked,
        "n_images": n_images,
        "n_subjects": n_subjects,
        "n_features": int(pooled.shape[1]),
    }
    write_json(features.with_suffix(".json"), sidecar)
