"""Fail the study when an arm has learned from a subject that it may not see."""

from pathlib import Path
from typing import Any

import numpy as np

from sixgig.evaluation.learned import check_training
from sixgig.runtime.atomic import write_json
from sixgig.runtime.jobs import job
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.training import SEEN


def main(
    arm: str,
    seen: Path,
    manifest: Path,
    splits: Path,
    array: Path,
    scope: str,
    output: Path,
) -> None:
    """Fail the study when an arm has learned from a subject that it may not see."""
    facts = check_training(
        arm, SEEN.read(seen), MANIFEST.read(manifest), SPLITS.read(splits), np.load(array, mmap_mode="r"), scope
    )
    write_json(output, facts)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            arm=snakemake.wildcards.arm,
            seen=Path(snakemake.input.seen),
            manifest=Path(snakemake.input.manifest),
            splits=Path(snakemake.input.splits),
            array=Path(snakemake.input.array),
            scope=snakemake.params.scope,
            output=Path(snakemake.output.facts),
        )
