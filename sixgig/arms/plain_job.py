"""What is known about the features of an arm without a network on a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import MANIFEST


@dataclass(frozen=True, kw_only=True)
class PlainJob:
    """All that decides the features of an arm without a network.

    Attributes:
        cohort: Name of the cohort.
        arm: Name of the arm in the study.
        options: The arm's stanza, as it applies to the cohort.
        images: images.npy of the cohort.
        manifest: manifest.csv of the cohort.
        gate: leakage.json of the cohort; nothing is computed on a cohort that failed.
        files: The user's files that the arm reads for this cohort, see :meth:`sixgig.arms.base.PlainArm.files_of`.
        key_table: Table that says which pseudonym stands for whom, where the arm reads it; else None.
        labels_of: What has a class and is a row of the features: ``subject`` or ``image``.
        threads: Processes to compute with.
    """

    cohort: str
    arm: str
    options: Mapping[str, Any]
    images: Path
    manifest: Path
    gate: Path | None = None
    files: tuple[Path, ...] = ()
    key_table: Path | None = None
    labels_of: str = "subject"
    threads: int = 1

    def table(self) -> pd.DataFrame:
        """Return the manifest, one row per image."""
        return MANIFEST.read(self.manifest)

    def progress(self, number: int) -> Progress:
        """Return what counts and shows the images that are done."""
        return Progress(f"compute {self.cohort} {self.arm}", number)
