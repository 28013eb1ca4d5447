"""Nested cross-validation of one classifier of bags on an arm's features of images."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.bags import BagsOfImages, classify_bags
from sixgig.evaluation.job import ClassifyJob
from sixgig.runtime.jobs import job


def main(method: ClassifyJob, seen: BagsOfImages) -> None:
    """Nested cross-validation of one classifier of bags on an arm's features of images."""
    classify_bags(method, seen)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ClassifyJob.of_rule(snakemake),
            BagsOfImages(
                Path(snakemake.input.image_features), Path(snakemake.input.manifest), snakemake.params.of_volumes
            ),
        )
