"""Train one arm on the pretraining subjects of one cohort, and write the weights it then encodes with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from sixgig import checkpoints
from sixgig.arms import get_arm
from sixgig.arms.base import PretrainedArm, Trained
from sixgig.atomic import atomic_path, write_json
from sixgig.digests import file_sha256
from sixgig.errors import EnvironmentMissingError, GpuError, SixgigError
from sixgig.monitor import CostMeter
from sixgig.splits import evaluation_subjects, pretraining_subjects
from sixgig.tables import MANIFEST, SPLITS, TRAINING
from sixgig.weights.loading import TIMM
from sixgig.weights.storage import read_provenance, write_weights

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PretrainJob:
    """All that decides what one arm learns from one cohort.

    Attributes:
        study: Name of the study.
        cohort: Name of the cohort.
        arm: Registry name of a :class:`PretrainedArm`.
        options: The arm's stanza in the config.
        cohort_options: The cohort's stanza in the config.
        scope: ``inductive`` or ``transductive``.
        weights: File of the weights stage that training begins with.
        images: images.npy of the cohort.
        volumes: volumes.npy of the cohort, for an arm that trains on them; else None.
        manifest: manifest.csv of the cohort.
        splits: splits.csv of the cohort.
        environment: What the check of another environment found (JSON), for arms that need one.
        python: File that holds the path of that environment's interpreter.
        checkpoints: ``results/<study>/.checkpoints``.
        tracking: MLflow's store, when the loss is to be followed live; else None.
        device: ``auto``, ``cuda`` or ``cpu``.
        memory_limit_mb: GPU memory limit of the training process in MiB.
        seed: The study's seed.
        threads: CPU threads to compute with.
        digest: Digest of the source code that trains.
    """

    study: str
    cohort: str
    arm: str
    options: Mapping[str, Any]
    cohort_options: Mapping[str, Any]
    scope: str
    weights: Path
    images: Path
    volumes: Path | None
    manifest: Path
    splits: Path
    environment: Path | None
    python: Path | None
    checkpoints: Path
    tracking: Path | None
    device: str
    memory_limit_mb: int
    seed: int
    threads: int
    digest: str

    @property
    def label(self) -> str:
        """Name of the job for people."""
        return f"pretrain {self.cohort} {self.arm}"

    def load_images(self) -> np.ndarray:
        """Return the cohort's images, uint8 [n, H, W, 3], memory-mapped."""
        images: np.ndarray = np.load(self.images, mmap_mode="r")
        return images

    def volume_names(self) -> list[str]:
        """Return the volume_id of every row of volumes.npy."""
        return list(MANIFEST.read(self.manifest)["volume_id"].dropna().unique())

    def pools(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the manifest's rows the arm may learn from, and those of the evaluation subjects, without labels."""
        manifest, splits = MANIFEST.read(self.manifest).drop(columns="label"), SPLITS.read(self.splits)
        learn = manifest["subject_id"].isin(set(pretraining_subjects(splits, self.scope)))
        evaluate = manifest["subject_id"].isin(set(evaluation_subjects(splits)))
        return manifest[learn], manifest[evaluate]

    def checkpoint_folder(self, **settings: Any) -> Path:
        """Return the folder of this training's checkpoints; another one whenever the result would change.

        Args:
            settings: What changes the result beside the job's inputs, such as the backend.
        """
        names = ("weights", "images", "manifest", "splits", *(("volumes",) if self.volumes is not None else ()))
        inputs = {name: file_sha256(getattr(self, name)) for name in names}
        key = {**inputs, "seed": self.seed, "scope": self.scope, "digest": self.digest, **settings}
        return checkpoints.checkpoint_folder(self.checkpoints, f"pretrain-{self.cohort}-{self.arm}", key)


def pretrain_cohort(job: PretrainJob, weights: Path, curve: Path, pictures: Path) -> None:
    """Train an arm and write its weights, their provenance (``weights`` as ``.json``), loss curve and pictures.

    When training fails with a known reason, the weights file holds no tensors and the provenance says
    ``failed: reason``; encoding then fails with it, the study goes on and the report shows it.

    Args:
        job: What to train, on what.
        weights: Output ``.safetensors``.
        curve: Output ``.csv``, see :data:`sixgig.tables.TRAINING`.
        pictures: Output ``.npz``: arrays that show what was learned; none for most arms.

    Raises:
        GpuError: The study asks for a GPU that cannot be used; no arm could run then.
        EnvironmentMissingError: The arm's environment is missing, and the study file says to stop then.
    """
    arm = cast("PretrainedArm", get_arm(job.arm)())
    base = read_provenance(job.weights)
    failure = ""
    with CostMeter("pretrain") as meter:
        try:
            trained = arm.pretrain(job)
        except (GpuError, EnvironmentMissingError):
            raise
        except (SixgigError, RuntimeError) as error:
            _LOG.exception("training of %s failed", job.arm)
            if isinstance(error, SixgigError):
                failure = f"{error.place}: {error.reason}"
            else:
                failure = f"{type(error).__name__}: {error}"
            trained = Trained({}, {"fallbacks": []}, [])
    kept = {name: base[name] for name in ("model", "data_config")}
    source = {"name": base.get("name", ""), "sha256": base["sha256"], "cohort": job.cohort, "arm": job.arm}
    metadata = {**kept, "name": f"{job.arm} on {job.cohort}", "source": {"pretraining": source}}
    # The networks trained at the study's image size, so their positions need no resampling any more.
    provenance = write_weights(weights, dict(trained.state), {**metadata, "position_resampling": TIMM})
    history = pd.DataFrame([tuple(row) for row in trained.history], columns=TRAINING.column_names)
    TRAINING.write(history, curve)
    with atomic_path(pictures) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **trained.pictures)
    fallbacks = list(trained.facts.get("fallbacks", []))
    status = f"failed: {' '.join(failure.split())}" if failure else "fallback" if fallbacks else "ok"
    device = str(trained.facts.get("device", "cpu"))
    cost = meter.cost(None, trained.facts.get("batch_size_used"), device).as_dict()
    cost |= {name: trained.facts[name] for name in ("peak_vram_mb", "peak_rss_mb") if name in trained.facts}
    training = {**trained.facts, "status": status, "fallbacks": fallbacks, "cost": cost}
    write_json(weights.with_suffix(".json"), {**provenance, "pretraining": training})
    if trained.checkpoints is not None:
        checkpoints.drop(trained.checkpoints)
