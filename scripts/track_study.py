"""Record the study in MLflow; a problem there is noted, told at the end, and tried again by the next run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.reporting.tracking import track_study_safely
from sixgig.results.study import Study
from sixgig.runtime.jobs import job
from sixgig.runtime.running import study_folder
from sixgig.tracking.target import Target


def main(study: Path, asked: str, files: Sequence[Path], trainings: Sequence[Path], attempt: int, output: Path) -> None:
    """Record the study in MLflow; a problem there is noted, told at the end, and tried again by the next run."""
    target = Target.of(study, asked)
    if target is not None:
        track_study_safely(Study(study), target, files, trainings, attempt).write(output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            study=study_folder(snakemake.log[0]),
            asked=snakemake.params.asked,
            files=[Path(file) for file in snakemake.input.files],
            trainings=[Path(file) for file in snakemake.input.trainings],
            attempt=snakemake.params.attempt,
            output=Path(snakemake.output.runs),
        )
