"""Nested cross-validation of one classifier on one arm's features, with fractions of the labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.fractions import classify_fractions
from sixgig.runtime.jobs import job


def main(
    features: Path,
    splits: Path,
    classifier: str,
    options: Mapping[str, Any],
    fractions: Sequence[float],
    inner_folds: int,
    seed: int,
    threads: int,
    predictions: Path,
    manifest: Path | None,
    gate: Path,
) -> None:
    """Nested cross-validation of one classifier on one arm's features, with fractions of the labels."""
    classify_fractions(
        features, splits, classifier, options, fractions, inner_folds, seed, threads, predictions, manifest, gate
    )


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            features=Path(snakemake.input.features),
            splits=Path(snakemake.input.splits),
            classifier=snakemake.wildcards.classifier,
            options=snakemake.params.options,
            fractions=snakemake.params.fractions,
            inner_folds=snakemake.params.inner_folds,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            predictions=Path(snakemake.output.predictions),
            manifest=next(map(Path, snakemake.input.manifest), None),
            gate=Path(snakemake.input.gate),
        )
