"""Compute the metrics of every fold, and 95% subject-level intervals of every method."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.tables.scores import METRICS, SUMMARY


def main(
    files: ScoredFiles,
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    bootstrap_samples: int,
    seed: int,
    threads: int,
    metrics: Path,
    summary: Path,
    test: Path,
) -> None:
    """Compute the metrics of every fold, and 95% subject-level intervals of every method."""
    scores = score_study(files, positives, bootstrap_samples, seed, threads, metrics_of)
    METRICS.write(scores.metrics, metrics)
    SUMMARY.write(scores.summary, summary)
    SUMMARY.write(scores.test, test)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            files=ScoredFiles(
                predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
                held_out=by_key(snakemake.params.methods, snakemake.input.held_out),
                splits=by_key([(name,) for name in snakemake.params.cohorts], snakemake.input.splits),
                sidecars=by_key(snakemake.params.arms, snakemake.input.sidecars),
                gates=by_key([(name,) for name in snakemake.params.cohorts], snakemake.input.gates),
                facts=by_key(snakemake.params.methods, snakemake.input.facts),
                external=by_key(snakemake.params.external, snakemake.input.external),
                external_facts=by_key(snakemake.params.external, snakemake.input.external_facts),
            ),
            positives=snakemake.params.positives,
            metrics_of=snakemake.params.metrics_of,
            bootstrap_samples=snakemake.params.bootstrap_samples,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            metrics=Path(snakemake.output.metrics),
            summary=Path(snakemake.output.summary),
            test=Path(snakemake.output.test),
        )
