"""Run the images of an external cohort through the network of an arm that was trained on another cohort."""

from pathlib import Path
from typing import Any

from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.external import ExternalEncodeJob
from sixgig.arms.run import encode_cohort
from sixgig.runtime.jobs import job


def main(encode_job: EncodeJob, features: Path, image_features: Path) -> None:
    """Run the images of an external cohort through the network of an arm that was trained on another cohort."""
    encode_cohort(encode_job, features, image_features)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ExternalEncodeJob.of_rule(snakemake, arm=f"{snakemake.wildcards.arm}.on.{snakemake.wildcards.other}"),
            features=Path(snakemake.output.features),
            image_features=Path(snakemake.output.image_features),
        )
