"""Fetch a cohort's wheel, write its phantom, or look up its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import write_json
from sixgig.runtime.jobs import job
from sixgig.runtime.known_digests import content_digest
from sixgig.sources.obtain import obtain_cohort


def main(
    cohort: str,
    source: Mapping[str, Any],
    raw: Path,
    downloads: Path,
    workers: int,
    output: Path,
) -> None:
    """Fetch a cohort's wheel, write its phantom, or look up its folder."""
    found = obtain_cohort(cohort, source, raw, downloads, workers)
    if found["kind"] != "path":  # what nobody is to change is known by its content, wherever a study is copied to
        found["content"] = content_digest(Path(found["root"]))
    write_json(output, found)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            cohort=snakemake.wildcards.cohort,
            source=snakemake.params.source,
            raw=Path(snakemake.params.raw),
            downloads=Path("results/downloads"),
            workers=snakemake.threads,
            output=Path(snakemake.output.source),
        )
