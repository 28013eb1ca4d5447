"""Predict the most frequent class of the training folds."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.classification import predict_majority
from sixgig.runtime.jobs import job


def main(
    splits: Path,
    seed: int,
    predictions: Path,
    manifest: Path | None,
    gate: Path,
) -> None:
    """Predict the most frequent class of the training folds."""
    predict_majority(splits, seed, predictions, manifest, gate)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            splits=Path(snakemake.input.splits),
            seed=snakemake.params.seed,
            predictions=Path(snakemake.output.predictions),
            manifest=next(map(Path, snakemake.input.manifest), None),
            gate=Path(snakemake.input.gate),
        )
