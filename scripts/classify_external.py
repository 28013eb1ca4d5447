"""Train one method on all evaluation subjects of a cohort, and test it on another cohort."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.external import ExternalJob, Side, classify_external
from sixgig.runtime.jobs import job


def main(method: ExternalJob) -> None:
    """Train one method on all evaluation subjects of a cohort, and test it on another cohort."""
    classify_external(method)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            ExternalJob(
                own=Side.of(snakemake.wildcards.cohort, snakemake.input, 0),
                other=Side.of(snakemake.wildcards.other, snakemake.input, 1),
                gate=Path(snakemake.input.gate),
                classifier=snakemake.wildcards.classifier,
                options=snakemake.params.options,
                inner_folds=snakemake.params.inner_folds,
                seed=snakemake.params.seed,
                predictions=Path(snakemake.output.predictions),
                of_volumes=snakemake.params.of_volumes,
            )
        )
