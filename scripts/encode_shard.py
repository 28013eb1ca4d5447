"""Run some images of a cohort through an arm's network."""

from pathlib import Path
from typing import Any

from sixgig.arms.run import EncodeJob, encode_shard
from sixgig.arms.shards import Encoded, Part
from sixgig.runtime.jobs import job


def main(encode_job: EncodeJob, output: Encoded) -> None:
    """Run some images of a cohort through an arm's network."""
    encode_shard(encode_job, output)


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
                part=Part(int(snakemake.wildcards.shard), snakemake.params.of),
            ),
            Encoded(Path(snakemake.output.rows), Path(snakemake.output.facts)),
        )
