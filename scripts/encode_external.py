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
            ExternalEncodeJob(
                cohort=snakemake.wildcards.cohort,
                arm=f"{snakemake.wildcards.arm}.on.{snakemake.wildcards.other}",
                kind=snakemake.params.kind,
                options=snakemake.params.options,
                weights=Path(snakemake.input.weights),
                images=Path(snakemake.input.images),
                volumes=Path(snakemake.input.volumes[0]) if snakemake.input.volumes else None,
                manifest=Path(snakemake.input.manifest),
                gate=Path(snakemake.input.gate),
                checkpoints=Path(snakemake.params.checkpoints),
                image_filter=snakemake.params.image["filter"],
                image_crop=snakemake.params.image.get("crop"),
                device=snakemake.params.device,
                memory_limit_mb=snakemake.params.memory_limit_mb,
                seed=snakemake.params.seed,
                threads=snakemake.threads,
                digest=snakemake.params.digest,
                labels_of=snakemake.params.labels_of,
            ),
            features=Path(snakemake.output.features),
            image_features=Path(snakemake.output.image_features),
        )
