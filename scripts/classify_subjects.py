"""Nested cross-validation of one classifier on one arm's features."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.classification import classify
from sixgig.evaluation.job import ClassifyJob, Vectors
from sixgig.runtime.jobs import job


def main(method: ClassifyJob, seen: Vectors) -> None:
    """Nested cross-validation of one classifier on one arm's features."""
    classify(method, seen)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ClassifyJob.of_rule(snakemake),
            Vectors(Path(snakemake.input.features), next(map(Path, snakemake.input.manifest), None)),
        )
