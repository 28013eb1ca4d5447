"""Compute every metric within the groups of each cohort's subjects, and the differences between them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.evaluation.groups import score_groups
from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.tables.groups import GROUPS


def main(
    predictions: Mapping[tuple[str, ...], Path],
    groups: Mapping[str, Path],
    minima: Mapping[str, int],
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    bootstrap_samples: int,
    seed: int,
    alpha: float,
    threads: int,
    output: Path,
) -> None:
    """Compute every metric within the groups of each cohort's subjects, and the differences between them."""
    found = score_groups(
        predictions, groups, minima, positives, metrics_of,
        n_resamples=bootstrap_samples, seed=seed, alpha=alpha, threads=threads,
    )  # fmt: skip
    GROUPS.write(found, output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt):
        main(
            predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
            groups=dict(zip(snakemake.params.minima, map(Path, snakemake.input.groups), strict=True)),
            minima=snakemake.params.minima,
            positives=snakemake.params.positives,
            metrics_of=snakemake.params.metrics_of,
            bootstrap_samples=snakemake.params.bootstrap_samples,
            seed=snakemake.params.seed,
            alpha=snakemake.params.alpha,
            threads=snakemake.threads,
            output=Path(snakemake.output.groups),
        )
