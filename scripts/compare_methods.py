"""Compare the methods of each cohort by Nadeau-Bengio tests with Holm's correction."""

from pathlib import Path
from typing import Any

from sixgig.jobs import job
from sixgig.statistics.pairwise import compare_pairs
from sixgig.tables import METRICS, PAIRWISE


def main(
    metrics: Path,
    metric: str,
    folds: int,
    alpha: float,
    pairwise: Path,
) -> None:
    """Compare the methods of each cohort by Nadeau-Bengio tests with Holm's correction."""
    PAIRWISE.write(compare_pairs(METRICS.read(metrics), metric, 1 / (folds - 1), alpha), pairwise)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            metrics=Path(snakemake.input.metrics),
            metric=snakemake.params.metric,
            folds=snakemake.params.folds,
            alpha=snakemake.params.alpha,
            pairwise=Path(snakemake.output.pairwise),
        )
