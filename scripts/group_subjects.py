"""Write the site, scanner, sex or age group of every subject."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts.groups import group_cohort
from sixgig.runtime.jobs import job
from sixgig.tables.groups import SUBJECT_GROUPS


def main(
    cohort: str,
    manifest: Path,
    source: Path,
    stanza: Mapping[str, Any],
    simulated: bool,
    key_table: Path | None,
    output: Path,
) -> None:
    """Write the site, scanner, sex or age group of every subject."""
    SUBJECT_GROUPS.write(group_cohort(cohort, manifest, source, stanza, simulated, key_table), output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            cohort=snakemake.wildcards.cohort,
            manifest=Path(snakemake.input.manifest),
            source=Path(snakemake.input.source),
            stanza=snakemake.params.stanza,
            simulated=snakemake.params.simulated,
            key_table=Path(snakemake.params.key_table) if snakemake.params.key_table else None,
            output=Path(snakemake.output.groups),
        )
