"""Compare the methods of each cohort over the test folds: Nadeau-Bengio tests and Bayesian correlated t-tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.evaluation.fold_ratio import fold_ratios
from sixgig.runtime.jobs import job
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.tables.pairs import BAYESIAN, PAIRWISE
from sixgig.tables.scores import METRICS


def main(
    metrics: Path,
    metric: str,
    ratios: Mapping[str, float],
    alpha: float,
    rope: float,
    pairwise: Path,
    bayesian: Path,
) -> None:
    """Compare the methods of each cohort over the test folds: Nadeau-Bengio tests and Bayesian correlated t-tests."""
    scores = METRICS.read(metrics)
    PAIRWISE.write(compare_pairs(scores, metric, ratios, alpha), pairwise)
    BAYESIAN.write(weigh_pairs(scores, metric, ratios, rope), bayesian)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            metrics=Path(snakemake.input.metrics),
            metric=snakemake.params.metric,
            ratios=fold_ratios(
                snakemake.params.folds,
                snakemake.params.cohorts,
                dict(zip(snakemake.params.site_cohorts, map(Path, snakemake.input.site_splits), strict=True)),
            ),
            alpha=snakemake.params.alpha,
            rope=snakemake.params.rope,
            pairwise=Path(snakemake.output.pairwise),
            bayesian=Path(snakemake.output.bayesian),
        )
