"""Draw the figures over all cohorts together as SVG, PNG and PDF."""

from pathlib import Path
from typing import Any

from sixgig.figures.catalogue import draw_over_cohorts
from sixgig.results.study import Study
from sixgig.runtime.jobs import job


def main(
    study: Path,
) -> None:
    """Draw the figures over all cohorts together as SVG, PNG and PDF."""
    draw_over_cohorts(Study(study), study / "figures")


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=Path(f"results/{snakemake.wildcards.study}"),
        )
