"""Draw the figures of one cohort as SVG and PNG."""

from pathlib import Path
from typing import Any

from sixgig.figures.catalogue import draw_cohort
from sixgig.results.study import Study
from sixgig.runtime.jobs import job


def main(
    study: Path,
    cohort: str,
) -> None:
    """Draw the figures of one cohort as SVG and PNG."""
    draw_cohort(Study(study), cohort, study / "figures")


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=Path(f"results/{snakemake.wildcards.study}"),
            cohort=snakemake.wildcards.cohort,
        )
