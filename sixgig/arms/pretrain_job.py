"""All that decides what one arm learns from one cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from sixgig.arms.job import Job
from sixgig.runtime import checkpoints
from sixgig.runtime.digests import file_sha256
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.roles import evaluation_subjects, pretraining_subjects

if TYPE_CHECKING:
    from sixgig.tracking.target import Target


@dataclass(frozen=True, kw_only=True)
class PretrainJob(Job):
    """All that decides what one arm learns from one cohort.

    Attributes:
        study: Name of the study.
        cohort_options: The cohort's stanza in the config.
        scope: ``inductive`` or ``transductive``.
        splits: splits.csv of the cohort.
        environment: What the check of another environment found (JSON), for arms that need one.
        python: File that holds the path of that environment's interpreter.
        tracking: Where the loss is to be followed live; None for nowhere.
    """

    rule: ClassVar[str] = "pretrain_arm"

    study: str
    cohort_options: Mapping[str, Any]
    scope: str
    splits: Path
    environment: Path | None
    python: Path | None
    tracking: Target | None

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
        """Return the folder of this training's checkpoints; it differs whenever the result would.

        Args:
            settings: What changes the result besides the job's inputs, such as the backend.
        """
        names = ("weights", "images", "manifest", "splits", *(("volumes",) if self.volumes is not None else ()))
        inputs = {name: file_sha256(getattr(self, name)) for name in names}
        key = {**inputs, "seed": self.seed, "scope": self.scope, "digest": self.digest, **settings}
        return checkpoints.checkpoint_folder(self.checkpoints, f"pretrain-{self.cohort}-{self.arm}", key)
