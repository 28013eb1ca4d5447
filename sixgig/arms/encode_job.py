"""What decides the features of one arm on one cohort."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from sixgig.arms.job import Job
from sixgig.arms.shards import Part


@dataclass(frozen=True, kw_only=True)
class EncodeJob(Job):
    """All that decides the features of one arm on one cohort.

    Attributes:
        labels_of: What has a class and is a row of the features: ``subject`` or ``image``.
        image_filter: How the images were resized, for the sidecar.
        image_crop: Share of the shorter side that they show, for the sidecar; None for all of it.
        random_weights: Whether the arm is a control, whose network keeps its random weights.
        part: The part of the cohort that it encodes; None for all of it.
    """

    rule: ClassVar[str] = "encode_images"

    labels_of: str = "subject"
    image_filter: str = "bicubic"
    image_crop: float | None = None
    random_weights: bool = False
    part: Part | None = None

    @classmethod
    def of_rule(cls, rule: Any, arm: str | None = None, part: Part | None = None) -> Self:
        """Return the job of a rule, which Snakemake gives its script.

        Args:
            rule: The script's ``snakemake``.
            arm: Name of the arm where it is not the rule's wildcard.
            part: The part of the cohort that the job encodes; None for all of it.
        """
        return cls(
            cohort=rule.wildcards.cohort,
            arm=arm or rule.wildcards.arm,
            kind=rule.params.kind,
            random_weights=rule.params.get("random_weights", False),
            options=rule.params.options,
            weights=Path(rule.input.weights),
            images=Path(rule.input.images),
            volumes=next(map(Path, rule.input.volumes), None),
            manifest=Path(rule.input.manifest),
            gate=Path(rule.input.gate),
            checkpoints=Path(rule.params.checkpoints),
            image_filter=rule.params.image["filter"],
            image_crop=rule.params.image.get("crop"),
            device=rule.params.device,
            memory_limit_mb=rule.params.memory_limit_mb,
            seed=rule.params.seed,
            threads=rule.threads,
            digest=rule.params.digest,
            labels_of=rule.params.labels_of,
            part=part,
        )

    @property
    def label(self) -> str:
        """Name of the job for people."""
        part = f", shard {self.part.shard} of {self.part.of}" if self.part else ""
        return f"encode {self.cohort} {self.arm}{part}"

    @property
    def series(self) -> Path:
        """CSV of what the card says while the job runs; a shard has its own."""
        if self.part is None:
            return super().series
        folder = self.checkpoints.parent / "benchmarks" / "encode_shard"
        return folder / f"{self.cohort}.{self.arm}.{self.part.shard}.gpu.csv"

    @property
    def place(self) -> str:
        """Name of the folder of its checkpoints."""
        return f"encode-{self.cohort}-{self.arm}" + (f".{self.part.shard}" if self.part else "")

    def rows(self, n: int) -> slice:
        """Return which of ``n`` images or volumes it encodes."""
        return self.part.rows(n, int(self.options["batch_size"])) if self.part else slice(0, n)
