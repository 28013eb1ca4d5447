"""Say how much of the variance between methods the arm explains, and how much the classifier."""

from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.statistics.factors import explain_variance
from sixgig.tables.over_cohorts import FACTORS
from sixgig.tables.scores import SUMMARY


def main(
    summary: Path,
    metric: str,
    factors: Path,
) -> None:
    """Say how much of the variance between methods the arm explains, and how much the classifier."""
    FACTORS.write(explain_variance(SUMMARY.read(summary), metric), factors)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            summary=Path(snakemake.input.summary),
            metric=snakemake.params.metric,
            factors=Path(snakemake.output.factors),
        )
