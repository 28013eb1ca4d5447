"""Run the images of a cohort through an arm's network."""

from pathlib import Path
from typing import Any

from sixgig.arms.run import EncodeJob, encode_cohort, gather_cohort
from sixgig.arms.shards import Encoded
from sixgig.runtime.jobs import job


def main(encode_job: EncodeJob, features: Path, image_features: Path, shards: list[Encoded]) -> None:
    """Run the images of a cohort through an arm's network, or gather what several jobs have made of them."""
    if shards:
        gather_cohort(encode_job, shards, features, image_features)
    else:
        encode_cohort(encode_job, features, image_features)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            EncodeJob(
                cohort=snakemake.wildcards.cohort,
                arm=snakemake.wildcards.arm,
                kind=snakemake.params.kind,
                random_weights=snakemake.params.random_weights,
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
            shards=[
                Encoded(Path(rows), Path(facts))
                for rows, facts in zip(snakemake.input.shards, snakemake.input.shard_facts, strict=True)
            ],
        )
