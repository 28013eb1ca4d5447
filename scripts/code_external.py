"""Compute an arm's features of an external cohort with what it learned on another one."""

from pathlib import Path
from typing import Any

from sixgig.arms.transform import transform_cohort
from sixgig.runtime.jobs import job
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.roles import pretraining_subjects


def main(splits: Path, scope: str, known: dict[str, Any], other: tuple[Path, Path]) -> None:
    """Compute an arm's features of an external cohort with what it learned on another one."""
    learn_from = set(pretraining_subjects(SPLITS.read(splits), scope))
    transform_cohort(**known, learn_from=learn_from, other=other)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            splits=Path(snakemake.input.splits),
            scope=snakemake.params.scope,
            known={
                "arm_name": snakemake.wildcards.arm,
                "kind": snakemake.params.kind,
                "options": snakemake.params.options,
                "source": snakemake.params.source,
                "source_features": Path(snakemake.input.image_features),
                "manifest": Path(snakemake.input.manifest),
                "features": Path(snakemake.output.features),
                "seed": snakemake.params.seed,
                "labels_of": snakemake.params.labels_of,
                "cohort": snakemake.wildcards.cohort,
                "gate": Path(snakemake.input.gate),
                "of_volumes": snakemake.params.of_volumes,
            },
            other=(Path(snakemake.input.other_features), Path(snakemake.input.other_manifest)),
        )
