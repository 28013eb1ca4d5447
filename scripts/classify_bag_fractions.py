"""Nested cross-validation of one classifier of bags with fractions of the labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.bags import BagsOfImages
from sixgig.evaluation.fractions import classify_fractions
from sixgig.evaluation.job import ClassifyJob
from sixgig.runtime.jobs import job


def main(method: ClassifyJob, seen: BagsOfImages, fractions: Sequence[float]) -> None:
    """Nested cross-validation of one classifier of bags with fractions of the labels."""
    classify_fractions(method, seen, fractions)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ClassifyJob.of_rule(snakemake),
            BagsOfImages(
                Path(snakemake.input.image_features), Path(snakemake.input.manifest), snakemake.params.of_volumes
            ),
            snakemake.params.fractions,
        )
