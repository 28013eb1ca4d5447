"""What is known about every job of an arm on a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that decides what an arm does with a cohort.

    Attributes:
        rule: Name of the rule.
        cohort: Name of the cohort.
        arm: Name of the arm in the study.
        kind: Its kind, a name in the registry of arms; the same as its name when empty.
        options: The arm's stanza in the config.
        weights: File of the weights that the job begins with.
        images: images.npy of the cohort.
        volumes: volumes.npy of the cohort, for an arm that reads them; else None.
        manifest: manifest.csv of the cohort.
        checkpoints: ``results/<study>/.checkpoints``.
        device: ``auto``, ``cuda`` or ``cpu``.
        memory_limit_mb: GPU memory limit of this process in MiB.
        seed: The study's seed.
        threads: CPU threads to compute with.
        digest: Digest of the source code that computes.
        gate: leakage.json of the cohort; nothing is computed on a cohort that failed.
    """

    rule: ClassVar[str]

    cohort: str
    arm: str
    options: Mapping[str, Any]
    weights: Path
    images: Path
    volumes: Path | None
    manifest: Path
    checkpoints: Path
    device: str
    memory_limit_mb: int
    seed: int
    threads: int
    digest: str
    kind: str = ""
    gate: Path | None = None

    @property
    def kind_name(self) -> str:
        """The arm's name in the registry of arms."""
        return self.kind or self.arm

    @property
    def series(self) -> Path:
        """CSV of what the card says while the job runs, beside the rule's benchmark."""
        return self.checkpoints.parent / "benchmarks" / self.rule / f"{self.cohort}.{self.arm}.gpu.csv"
