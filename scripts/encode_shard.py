"""Run some images of a cohort through an arm's network."""

from pathlib import Path
from typing import Any

from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.run import encode_shard
from sixgig.arms.shards import Encoded, Part
from sixgig.runtime.jobs import job


def main(encode_job: EncodeJob, output: Encoded) -> None:
    """Run some images of a cohort through an arm's network."""
    encode_shard(encode_job, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            EncodeJob.of_rule(snakemake, part=Part(int(snakemake.wildcards.shard), snakemake.params.of)),
            Encoded(Path(snakemake.output.rows), Path(snakemake.output.facts)),
        )
