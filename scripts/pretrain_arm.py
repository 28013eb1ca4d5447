"""Train an arm on the pretraining subjects of a cohort."""

from pathlib import Path
from typing import Any

from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.pretraining import pretrain_cohort
from sixgig.runtime.jobs import job
from sixgig.tracking.target import Target


def main(
    pretrain_job: PretrainJob,
    weights: Path,
    curve: Path,
    pictures: Path,
    seen: Path,
) -> None:
    """Train an arm on the pretraining subjects of a cohort."""
    pretrain_cohort(pretrain_job, weights, curve, pictures, seen)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            PretrainJob(
                study=snakemake.wildcards.study,
                cohort=snakemake.wildcards.cohort,
                arm=snakemake.wildcards.arm,
                kind=snakemake.params.kind,
                options=snakemake.params.options,
                cohort_options=snakemake.params.cohort_options,
                scope=snakemake.params.scope,
                weights=Path(snakemake.input.weights),
                images=Path(snakemake.input.images),
                volumes=Path(snakemake.input.volumes[0]) if snakemake.input.volumes else None,
                manifest=Path(snakemake.input.manifest),
                gate=Path(snakemake.input.gate),
                splits=Path(snakemake.input.splits),
                environment=Path(snakemake.input.environment[0]) if snakemake.input.environment else None,
                python=Path(snakemake.input.python[0]) if snakemake.input.python else None,
                checkpoints=Path(snakemake.params.checkpoints),
                tracking=Target.of(Path(f"results/{snakemake.wildcards.study}"), snakemake.resources.mlflow),
                device=snakemake.params.device,
                memory_limit_mb=snakemake.params.memory_limit_mb,
                seed=snakemake.params.seed,
                threads=snakemake.threads,
                digest=snakemake.params.digest,
            ),
            weights=Path(snakemake.output.weights),
            curve=Path(snakemake.output.curve),
            pictures=Path(snakemake.output.pictures),
            seen=Path(snakemake.output.seen),
        )
