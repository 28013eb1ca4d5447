"""Write the verdict on every cohort, and the report's tables as CSV, LaTeX and Markdown."""

from pathlib import Path
from typing import Any

from sixgig.reporting.exports import write_tables
from sixgig.reporting.verdict import verdict_rows
from sixgig.results.study import Study
from sixgig.runtime.jobs import job
from sixgig.tables.verdicts import VERDICTS


def main(folder: Path, verdicts: Path) -> None:
    """Write the verdict on every cohort, and the report's tables as CSV, LaTeX and Markdown."""
    study = Study(folder)
    VERDICTS.write(verdict_rows(study), verdicts)
    write_tables(study, folder / "tables")


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            folder=Path(snakemake.input.study).parent,
            verdicts=Path(snakemake.output.verdicts),
        )
