"""Give every subject a role, and every evaluation subject a fold in each repeat."""

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
    folds: int,
    repeats: int,
    pretraining_fraction: float,
    scope: str,
    seed: int,
    positive: str | None,
    hold_out: bool,
    given: Path | None,
    key_table: Path | None,
) -> None:
    """Give every subject a role, and every evaluation subject a fold in each repeat."""
    images = MANIFEST.read(manifest)
    if positive is not None:  # a misspelt class stops the study here and not after all arms have run
        positive_class(tuple(images["label"].dropna().unique()), positive, f"cohorts.{cohort}.positive")
    if given is not None:
        rename = None if key_table is None else Pseudonyms(key_table).subject
        SPLITS.write(read_own_splits(given, images, folds=folds, repeats=repeats, rename=rename), output)
        return
    splits = make_splits(
        images, folds=folds, repeats=repeats, pretraining_fraction=pretraining_fraction, scope=scope, seed=seed,
        hold_out=hold_out,
    )  # fmt: skip
    SPLITS.write(splits, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            cohort=snakemake.wildcards.cohort,
            manifest=Path(snakemake.input.manifest),
            output=Path(snakemake.output.splits),
            folds=snakemake.params.folds,
            repeats=snakemake.params.repeats,
            pretraining_fraction=snakemake.params.pretraining_fraction,
            scope=snakemake.params.scope,
            seed=snakemake.params.seed,
            positive=snakemake.params.positive,
            hold_out=snakemake.params.hold_out,
            given=next(map(Path, snakemake.input.given), None),
            key_table=Path(snakemake.params.key_table) if snakemake.params.key_table else None,
        )
