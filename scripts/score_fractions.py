"""Estimate every method at every fraction of the labels, with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.fraction_scores import FractionFiles, score_fractions
from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.tables.fractions import FRACTIONS
from sixgig.tables.scores import SUMMARY


def main(
    files: FractionFiles,
    summary: Path,
    fractions: Sequence[float],
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    bootstrap_samples: int,
    seed: int,
    alpha: float,
    threads: int,
    output: Path,
) -> None:
    """Estimate every method at every fraction of the labels, with intervals."""
    rows = SUMMARY.read(summary)
    found = score_fractions(files, rows, fractions, positives, bootstrap_samples, seed, threads, metrics_of, alpha)
    FRACTIONS.write(found, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            files=FractionFiles(
                predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
                facts=by_key(snakemake.params.methods, snakemake.input.facts),
                splits=by_key([(name,) for name in snakemake.params.cohorts], snakemake.input.splits),
                gates=by_key([(name,) for name in snakemake.params.cohorts], snakemake.input.gates),
            ),
            summary=Path(snakemake.input.summary),
            fractions=snakemake.params.fractions,
            positives=snakemake.params.positives,
            metrics_of=snakemake.params.metrics_of,
            bootstrap_samples=snakemake.params.bootstrap_samples,
            seed=snakemake.params.seed,
            alpha=snakemake.params.alpha,
            threads=snakemake.threads,
            output=Path(snakemake.output.fractions),
        )
