"""Write the study's report as one self-contained page."""

from pathlib import Path
from typing import Any

from sixgig.reporting.page import write_report
from sixgig.results.study import Study
from sixgig.runtime.jobs import job
from sixgig.runtime.running import study_folder


def main(
    study: Path,
    output: Path,
) -> None:
    """Write the study's report as one self-contained page."""
    write_report(Study(study), output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=study_folder(snakemake.log[0]),
            output=Path(snakemake.output.report),
        )
