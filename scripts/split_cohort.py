"""Give every subject a role, and every evaluation subject a fold in each repeat."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sixgig.evaluation.gate import split_or_fail, split_subjects
from sixgig.runtime.jobs import job


def main(
    cohort: str,
    manifest: Path,
    output: Path,
    draw: Mapping[str, Any],
    positive: str | None,
    given: Path | None,
    key_table: Path | None,
    asked: Mapping[str, Any],
    cohort_facts: Path,
    facts: Path,
    n_cohorts: int,
) -> None:
    """Give every subject a role, and every evaluation subject a fold in each repeat."""
    split = partial(split_subjects, cohort, manifest, draw, positive, given, key_table, asked)
    split_or_fail(split, cohort_facts, output, facts, n_cohorts)


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
            asked={name: snakemake.params[name] for name in ("fractions", "inner_folds", "concat")},
            cohort_facts=Path(snakemake.input.facts),
            facts=Path(snakemake.output.facts),
            n_cohorts=snakemake.resources.cohorts,
        )
