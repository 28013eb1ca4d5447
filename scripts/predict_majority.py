"""Predict the most frequent class of the training folds."""

from __future__ import annotations

from pathlib import Path

from sixgig.classification import predict_majority
from sixgig.jobs import job


def main(
    splits: Path,
    seed: int,
    predictions: Path,
) -> None:
    """Predict the most frequent class of the training folds."""
    predict_majority(splits, seed, predictions)


if __name__ == "__main__":
    from snakemake.script import snakemake

    with job(snakemake.log[0]):
        main(
            splits=Path(snakemake.input.splits),
            seed=snakemake.params.seed,
            predictions=Path(snakemake.output.predictions),
        )
