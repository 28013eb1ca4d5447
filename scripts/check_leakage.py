"""Fail the study when a subject or an image is on both sides of a split."""

from pathlib import Path
from typing import Any

import numpy as np

from sixgig.evaluation.leakage import check_leakage
from sixgig.runtime.atomic import write_json
from sixgig.runtime.jobs import job
from sixgig.tables.cohorts import MANIFEST, SPLITS


def main(
    manifest: Path,
    images: Path,
    volumes: Path,
    splits: Path,
    output: Path,
    duplicates: str,
    labels_of: str,
) -> None:
    """Fail the study when a subject or an image is on both sides of a split."""
    n_volumes = len(np.load(volumes, mmap_mode="r"))
    facts = check_leakage(
        MANIFEST.read(manifest), SPLITS.read(splits), np.load(images, mmap_mode="r"), labels_of,
        n_volumes=n_volumes, duplicates=duplicates,
    )  # fmt: skip
    write_json(output, facts)


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
        )
