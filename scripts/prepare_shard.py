"""Prepare some subjects of a cohort."""

from pathlib import Path
from typing import Any

from sixgig.cohorts.shards import Shard, prepare_shard
from sixgig.runtime.jobs import job


def main(source: Path, cohort: str, options: dict[str, Any], output: Shard, **how: Any) -> None:
    """Prepare some subjects of a cohort."""
    prepare_shard(source, cohort, options, output, **how)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            Path(snakemake.input.source),
            snakemake.wildcards.cohort,
            snakemake.params.options,
            Shard(*map(Path, snakemake.output)),
            shard=int(snakemake.wildcards.shard),
            of=snakemake.params.of,
            image_size=snakemake.params.image["size"],
            image_filter=snakemake.params.image["filter"],
            image_crop=snakemake.params.image.get("crop"),
            seed=snakemake.params.seed,
            workers=snakemake.threads,
            checkpoints=Path(snakemake.params.checkpoints),
            digest=snakemake.params.digest,
        )
