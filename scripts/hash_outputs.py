"""Write down the sha256 of everything that the study has written, for whoever verifies it later."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.runtime.recorded_hashes import write_hashes


def main(
    files: Sequence[Path],
    known: Path,
    output: Path,
) -> None:
    """Write down the sha256 of everything that the study has written."""
    write_hashes(output.parent, files, known)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            files=[Path(file) for file in snakemake.input],
            known=Path(snakemake.params.known),
            output=Path(snakemake.output.hashes),
        )
