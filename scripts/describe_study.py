"""Write down config, versions, machine and source of a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import write_json
from sixgig.runtime.environment import describe_study
from sixgig.runtime.jobs import job


def main(
    config: Mapping[str, Any],
    output: Path,
) -> None:
    """Write down config, versions, machine and source of a study."""
    write_json(output, describe_study(config))


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            config=snakemake.params.config,
            output=Path(snakemake.output.study),
        )
