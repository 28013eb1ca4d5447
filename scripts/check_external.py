"""Check that a cohort can be tested on another one: same classes, and no image in both."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.external_gate import CohortFiles, check_external
from sixgig.runtime.jobs import job


def main(own: CohortFiles, other: CohortFiles, labels_of: str, output: Path) -> None:
    """Check that a cohort can be tested on another one: same classes, and no image in both."""
    check_external(own, other, labels_of, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            own=CohortFiles(snakemake.wildcards.cohort, *map(Path, snakemake.input.own)),
            other=CohortFiles(snakemake.wildcards.other, *map(Path, snakemake.input.other)),
            labels_of=snakemake.params.labels_of,
            output=Path(snakemake.output.facts),
        )
