"""Run the images of a cohort through an arm's network."""

from pathlib import Path
from typing import Any

from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.run import encode_cohort, gather_cohort
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
            EncodeJob.of_rule(snakemake),
            features=Path(snakemake.output.features),
            image_features=Path(snakemake.output.image_features),
            shards=[
                Encoded(Path(rows), Path(facts))
                for rows, facts in zip(snakemake.input.shards, snakemake.input.shard_facts, strict=True)
            ],
        )
