"""Compare arms on held-out test sets and external cohorts: bootstrap over subjects, McNemar and DeLong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.statistics.test_sets import compare_on_test_sets
from sixgig.tables.scores import SUMMARY
from sixgig.tables.test_pairs import TEST_PAIRS


def main(
    predictions: Mapping[tuple[str, ...], Path],
    summary: Path,
    metric: str,
    alpha: float,
    bootstrap_samples: int,
    seed: int,
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    contrasts: Sequence[tuple[str, str, str]],
    output: Path,
) -> None:
    """Compare arms on held-out test sets and external cohorts: bootstrap over subjects, McNemar and DeLong."""
    found = compare_on_test_sets(
        predictions, SUMMARY.read(summary), metric, alpha,
        n_resamples=bootstrap_samples, seed=seed, positives=positives, metrics_of=metrics_of,
        pairs=[(a, b) for _, a, b in contrasts],
    )  # fmt: skip
    TEST_PAIRS.write(found, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
            summary=Path(snakemake.input.summary),
            metric=snakemake.params.metric,
            alpha=snakemake.params.alpha,
            bootstrap_samples=snakemake.params.bootstrap_samples,
            seed=snakemake.params.seed,
            positives=snakemake.params.positives,
            metrics_of=snakemake.params.metrics_of,
            contrasts=snakemake.params.contrasts,
            output=Path(snakemake.output.pairs),
        )
