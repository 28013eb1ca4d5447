"""Rank the methods over the cohorts and test whether they differ."""

from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.statistics.omnibus import compare_over_cohorts
from sixgig.tables.over_cohorts import OMNIBUS, RANKS
from sixgig.tables.scores import SUMMARY


def main(
    summary: Path,
    metric: str,
    alpha: float,
    seed: int,
    omnibus: Path,
    ranks: Path,
) -> None:
    """Rank the methods over the cohorts and test whether they differ."""
    answer, ranked = compare_over_cohorts(SUMMARY.read(summary), metric, alpha, seed)
    OMNIBUS.write(answer, omnibus)
    RANKS.write(ranked, ranks)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            summary=Path(snakemake.input.summary),
            metric=snakemake.params.metric,
            alpha=snakemake.params.alpha,
            seed=snakemake.params.seed,
            omnibus=Path(snakemake.output.omnibus),
            ranks=Path(snakemake.output.ranks),
        )
