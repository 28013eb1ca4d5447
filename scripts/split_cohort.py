"""Give every subject a role, and every evaluation subject a fold in each repeat."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.evaluation.classes import positive_class
from sixgig.evaluation.splits import make_splits, read_own_splits
from sixgig.runtime.jobs import job
from sixgig.tables.cohorts import MANIFEST, SPLITS


def main(
    cohort: str,
    manifest: Path,
    output: Path,
    draw: Mapping[str, Any],
    positive: str | None,
    given: Path | None,
    key_table: Path | None,
) -> None:
    """Give every subject a role, and every evaluation subject a fold in each repeat."""
    images = MANIFEST.read(manifest)
    if positive is not None:  # a misspelt class stops the study here and not after all arms have run
        positive_class(tuple(images["label"].dropna().unique()), positive, f"cohorts.{cohort}.positive")
    if given is not None:
        rename = None if key_table is None else Pseudonyms(key_table).subject
        wanted = {name: draw[name] for name in ("folds", "repeats", "labels_of")}
        splits = read_own_splits(given, images, rename=rename, **wanted)
    else:
        splits = make_splits(images, **draw)
    SPLITS.write(splits, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    drawn = ("folds", "repeats", "pretraining_fraction", "scope", "seed", "hold_out", "labels_of")
    with job(snakemake.log[0]):
        main(
            cohort=snakemake.wildcards.cohort,
            manifest=Path(snakemake.input.manifest),
            output=Path(snakemake.output.splits),
            draw={name: snakemake.params[name] for name in drawn},
            positive=snakemake.params.positive,
            given=next(map(Path, snakemake.input.given), None),
            key_table=Path(snakemake.params.key_table) if snakemake.params.key_table else None,
        )
