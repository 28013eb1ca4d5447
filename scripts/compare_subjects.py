"""Compare the methods of each cohort over its subjects: exact McNemar and DeLong tests with Holm's correction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.statistics.subjects import compare_subjects
from sixgig.tables.pairs import DELONG, MCNEMAR


def main(
    predictions: Mapping[tuple[str, ...], Path],
    alpha: float,
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    mcnemar: Path,
    delong: Path,
) -> None:
    """Compare the methods of each cohort over its subjects: exact McNemar and DeLong tests with Holm's correction."""
    tests = compare_subjects(predictions, alpha, positives, metrics_of)
    MCNEMAR.write(tests.mcnemar, mcnemar)
    DELONG.write(tests.delong, delong)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
            alpha=snakemake.params.alpha,
            positives=snakemake.params.positives,
            metrics_of=snakemake.params.metrics_of,
            mcnemar=Path(snakemake.output.mcnemar),
            delong=Path(snakemake.output.delong),
        )
