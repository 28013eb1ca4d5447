"""Compute the metrics of every fold, and 95% subject-level intervals of every method."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.scoring import score_study
from sixgig.runtime.jobs import job
from sixgig.tables.scores import METRICS, SUMMARY


def main(
    positives: Mapping[str, str | None],
    methods: Sequence[tuple[str, str]],
    bootstrap_samples: int,
    seed: int,
    threads: int,
    metrics: Path,
    summary: Path,
    test: Path,
) -> None:
    """Compute the metrics of every fold, and 95% subject-level intervals of every method."""
    scores = score_study(metrics.parent, positives, methods, bootstrap_samples, seed, threads)
    METRICS.write(scores.metrics, metrics)
    SUMMARY.write(scores.summary, summary)
    SUMMARY.write(scores.test, test)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            positives=snakemake.params.positives,
            methods=snakemake.params.methods,
            bootstrap_samples=snakemake.params.bootstrap_samples,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            metrics=Path(snakemake.output.metrics),
            summary=Path(snakemake.output.summary),
            test=Path(snakemake.output.test),
        )
