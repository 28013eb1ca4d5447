"""Write the report's tables as CSV, LaTeX and Markdown."""

from pathlib import Path
from typing import Any

from sixgig.reporting.exports import write_tables
from sixgig.results.study import Study
from sixgig.runtime.jobs import job
from sixgig.runtime.running import study_folder


def main(
    study: Path,
) -> None:
    """Write the report's tables as CSV, LaTeX and Markdown."""
    write_tables(Study(study), study / "tables")


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=study_folder(snakemake.log[0]),
        )
