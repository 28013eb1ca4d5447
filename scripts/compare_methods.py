"""Compare the methods of each cohort over the test folds: Nadeau-Bengio tests and Bayesian correlated t-tests."""

from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.tables.pairs import BAYESIAN, PAIRWISE
from sixgig.tables.scores import METRICS


def main(
    metrics: Path,
    metric: str,
    folds: int,
    alpha: float,
    rope: float,
    pairwise: Path,
    bayesian: Path,
) -> None:
    """Compare the methods of each cohort over the test folds: Nadeau-Bengio tests and Bayesian correlated t-tests."""
    scores, ratio = METRICS.read(metrics), 1 / (folds - 1)
    PAIRWISE.write(compare_pairs(scores, metric, ratio, alpha), pairwise)
    BAYESIAN.write(weigh_pairs(scores, metric, ratio, rope), bayesian)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            metrics=Path(snakemake.input.metrics),
            metric=snakemake.params.metric,
            folds=snakemake.params.folds,
            alpha=snakemake.params.alpha,
            rope=snakemake.params.rope,
            pairwise=Path(snakemake.output.pairwise),
            bayesian=Path(snakemake.output.bayesian),
        )
