"""Compute an arm's features from the image features of another arm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.transform import transform_cohort
from sixgig.runtime.jobs import job
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.roles import pretraining_subjects


def main(
    arm: str,
    kind: str,
    options: Mapping[str, Any],
    source: str,
    of_volumes: bool,
    image_features: Path,
    manifest: Path,
    splits: Path,
    scope: str,
    features: Path,
    seed: int,
    labels_of: str,
    cohort: str,
    gate: Path,
) -> None:
    """Compute an arm's features from the image features of another arm."""
    learn_from = set(pretraining_subjects(SPLITS.read(splits), scope))
    read = (image_features, manifest, learn_from, features, seed, labels_of, cohort, gate, of_volumes)
    transform_cohort(arm, kind, options, source, *read)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            arm=snakemake.wildcards.arm,
            kind=snakemake.params.kind,
            options=snakemake.params.options,
            source=snakemake.params.source,
            of_volumes=snakemake.params.of_volumes,
            image_features=Path(snakemake.input.image_features),
            manifest=Path(snakemake.input.manifest),
            splits=Path(snakemake.input.splits),
            scope=snakemake.params.scope,
            features=Path(snakemake.output.features),
            seed=snakemake.params.seed,
            labels_of=snakemake.params.labels_of,
            cohort=snakemake.wildcards.cohort,
            gate=Path(snakemake.input.gate),
        )
