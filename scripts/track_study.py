"""Record the study in MLflow's store; a problem there is noted and stops nothing."""

from pathlib import Path
from typing import Any

from sixgig.reporting.tracking import track_study_safely
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_json
from sixgig.runtime.jobs import job


def main(
    study: Path,
    output: Path,
) -> None:
    """Record the study in MLflow's store; a problem there is noted and stops nothing."""
    write_json(output, track_study_safely(Study(study), study / "mlflow.db", study / "mlartifacts"))


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=Path(f"results/{snakemake.wildcards.study}"),
            output=Path(snakemake.output.runs),
        )
