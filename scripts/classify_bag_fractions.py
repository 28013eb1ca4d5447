"""Nested cross-validation of one classifier of bags on an arm's features of images, with fractions of the labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.bag_fractions import classify_bag_fractions
from sixgig.runtime.jobs import job


def main(
    image_features: Path,
    manifest: Path,
    splits: Path,
    classifier: str,
    options: Mapping[str, Any],
    fractions: Sequence[float],
    inner_folds: int,
    seed: int,
    threads: int,
    predictions: Path,
    gate: Path,
    of_volumes: bool,
) -> None:
    """Nested cross-validation of one classifier of bags with fractions of the labels."""
    read = (image_features, manifest, splits)
    classify_bag_fractions(
        *read, classifier, options, fractions, inner_folds, seed, threads, predictions, gate, of_volumes
    )


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            image_features=Path(snakemake.input.image_features),
            manifest=Path(snakemake.input.manifest),
            splits=Path(snakemake.input.splits),
            classifier=snakemake.wildcards.classifier,
            options=snakemake.params.options,
            fractions=snakemake.params.fractions,
            inner_folds=snakemake.params.inner_folds,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            predictions=Path(snakemake.output.predictions),
            gate=Path(snakemake.input.gate),
            of_volumes=snakemake.params.of_volumes,
        )
