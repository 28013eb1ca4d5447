"""Fail the cohort when a subject or an image is on both sides of a split."""

from functools import partial
from pathlib import Path
from typing import Any

from sixgig.evaluation.gate import check_files, check_or_fail
from sixgig.evaluation.site_folds import GroupBy
from sixgig.runtime.jobs import job


def main(
    manifest: Path,
    images: Path,
    volumes: Path,
    splits: Path,
    output: Path,
    duplicates: str,
    labels_of: str,
    splits_facts: Path,
    n_cohorts: int,
    groups: Path | None,
    group_by: str,
) -> None:
    """Fail the cohort when a subject or an image is on both sides of a split."""
    sites = GroupBy.read(groups, group_by)
    check = partial(check_files, manifest, splits, images, volumes, duplicates, labels_of, sites)
    check_or_fail(check, splits_facts, output, n_cohorts)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            manifest=Path(snakemake.input.manifest),
            images=Path(snakemake.input.images),
            volumes=Path(snakemake.input.volumes),
            splits=Path(snakemake.input.splits),
            output=Path(snakemake.output.facts),
            duplicates=snakemake.params.duplicates,
            labels_of=snakemake.params.labels_of,
            splits_facts=Path(snakemake.input.splits_facts),
            n_cohorts=snakemake.resources.cohorts,
            groups=next(map(Path, snakemake.input.groups), None),
            group_by=snakemake.params.group_by,
        )
