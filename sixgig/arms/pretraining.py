"""Train one arm on the pretraining subjects of one cohort, and write the weights it then encodes with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from sixgig.arms.base import PretrainedArm, Trained
from sixgig.arms.naming import naming
from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.registry import get_arm
from sixgig.errors import CohortFailedError, EnvironmentMissingError, GpuError, SixgigError
from sixgig.runtime import checkpoints
from sixgig.runtime.atomic import atomic_path, write_json
from sixgig.runtime.attempts import outcome
from sixgig.runtime.digests import row_sha256
from sixgig.runtime.jobs import say_failed, say_fallbacks
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import require_cohort
from sixgig.tables.training import SEEN, TRAINING
from sixgig.weights.positions import TIMM
from sixgig.weights.storage import read_provenance, write_weights

_LOG = logging.getLogger(__name__)


def pretrain_cohort(job: PretrainJob, weights: Path, curve: Path, pictures: Path, seen: Path) -> None:
    """Train an arm and write its weights, their provenance (``weights`` as ``.json``), loss curve and pictures.

    When training fails with a known reason, the weights file holds no tensors and the provenance says
    ``failed: reason``; encoding then fails with it, the study goes on and the report shows it.

    Args:
        job: What to train, on what.
        weights: Output ``.safetensors``.
        curve: Output ``.csv``, see :data:`sixgig.tables.training.TRAINING`.
        pictures: Output ``.npz``: arrays that show what was learned; none for most arms.
        seen: Output ``.csv``: what was learned from, see :data:`sixgig.tables.training.SEEN`; no rows after a failure.

    Raises:
        GpuError: The study asks for a GPU that cannot be used; no arm could run then.
        EnvironmentMissingError: The arm's environment is missing, and the study file says to stop then.
        PassingError: What stopped the training may pass by itself; its checkpoints stay.
    """
    arm = cast("PretrainedArm", get_arm(job.kind_name)())
    base = read_provenance(job.weights)
    status = ""
    with CostMeter("pretrain") as meter:
        try:
            require_cohort(job.cohort, job.gate)
            with naming(job.kind_name, job.arm):
                trained = arm.pretrain(job)
        except (GpuError, EnvironmentMissingError):
            raise
        except (SixgigError, RuntimeError) as error:
            status = outcome(error)
            _LOG.exception("training of %s failed", job.arm)
            say_failed(status, left_out=isinstance(error, CohortFailedError))
            trained = Trained({}, {"fallbacks": []}, [])
    kept = {name: base[name] for name in ("model", "data_config")}
    source = {"name": base.get("name", ""), "sha256": base["sha256"], "cohort": job.cohort, "arm": job.arm}
    metadata = {**kept, "name": f"{job.arm} on {job.cohort}", "source": {"pretraining": source}}
    # The networks were trained at the study's image size, so their positions need no further resampling.
    provenance = write_weights(weights, dict(trained.state), {**metadata, "position_resampling": TIMM})
    history = pd.DataFrame([tuple(row) for row in trained.history], columns=TRAINING.column_names)
    TRAINING.write(history, curve)
    with atomic_path(pictures) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **trained.pictures)
    SEEN.write(_seen(job, trained), seen)
    fallbacks = list(trained.facts.get("fallbacks", []))
    say_fallbacks(fallbacks)
    status = status or ("fallback" if fallbacks else "ok")
    device = str(trained.facts.get("device", "cpu"))
    cost = meter.cost(None, trained.facts.get("batch_size_used"), device).as_dict()
    cost |= {name: trained.facts[name] for name in ("peak_vram_mb", "peak_rss_mb") if name in trained.facts}
    training = {**trained.facts, "status": status, "fallbacks": fallbacks, "cost": cost}
    write_json(weights.with_suffix(".json"), {**provenance, "pretraining": training})
    if trained.checkpoints is not None:
        checkpoints.drop(trained.checkpoints)


def _seen(job: PretrainJob, trained: Trained) -> pd.DataFrame:
    """Return the rows that an arm learned from, read anew from the file that it read."""
    path = job.images if trained.array == "images" else job.volumes
    rows = sorted({int(row) for row in trained.rows})
    array = np.load(path, mmap_mode="r") if path is not None and rows else []
    seen = [(trained.array, row, row_sha256(array[row])) for row in rows]
    return pd.DataFrame(seen, columns=SEEN.column_names)
