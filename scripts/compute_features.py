"""Compute an arm's features without a network."""

from pathlib import Path
from typing import Any

from sixgig.arms.plain import compute_cohort
from sixgig.arms.plain_job import PlainJob
from sixgig.runtime.jobs import job


def main(kind: str, plain_job: PlainJob, features: Path, image_features: Path) -> None:
    """Compute an arm's features without a network."""
    compute_cohort(kind, plain_job, features, image_features)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            snakemake.params.kind,
            PlainJob(
                cohort=snakemake.wildcards.cohort,
                arm=snakemake.wildcards.arm,
                options=snakemake.params.options,
                images=Path(snakemake.input.images),
                manifest=Path(snakemake.input.manifest),
                gate=Path(snakemake.input.gate),
                files=tuple(map(Path, snakemake.input.files)),
                key_table=Path(snakemake.params.key_table) if snakemake.params.key_table else None,
                labels_of=snakemake.params.labels_of,
                threads=snakemake.threads,
            ),
            features=Path(snakemake.output.features),
            image_features=Path(snakemake.output.image_features),
        )
