"""Draw the figures of one cohort as SVG, PNG and PDF."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.figures.catalogue import write_figures
from sixgig.results.study import Study
from sixgig.runtime.jobs import job
from sixgig.runtime.running import study_folder


def main(
    study: Path,
    cohort: str,
    figures: Sequence[Path],
) -> None:
    """Draw the figures of one cohort as SVG, PNG and PDF."""
    write_figures(Study(study), figures, cohort)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=study_folder(snakemake.log[0]),
            cohort=snakemake.wildcards.cohort,
            figures=[Path(file) for file in snakemake.output],
        )
