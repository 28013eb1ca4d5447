"""Nested cross-validation of one classifier on one arm's features, with fractions of the labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.fractions import classify_fractions
from sixgig.evaluation.job import ClassifyJob, Vectors
from sixgig.runtime.jobs import job


def main(method: ClassifyJob, seen: Vectors, fractions: Sequence[float]) -> None:
    """Nested cross-validation of one classifier on one arm's features, with fractions of the labels."""
    classify_fractions(method, seen, fractions)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ClassifyJob.of_rule(snakemake),
            Vectors(Path(snakemake.input.features), next(map(Path, snakemake.input.manifest), None)),
            snakemake.params.fractions,
        )
