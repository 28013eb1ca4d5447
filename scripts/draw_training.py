"""Draw the loss curves of one cohort."""

from pathlib import Path
from typing import Any

from sixgig.figures.catalogue import draw_training
from sixgig.results.study import Study
from sixgig.runtime.jobs import job


def main(
    study: Path,
    cohort: str,
) -> None:
    """Draw the loss curves of one cohort."""
    draw_training(Study(study), cohort, study / "figures")


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=Path(f"results/{snakemake.wildcards.study}"),
            cohort=snakemake.wildcards.cohort,
        )
