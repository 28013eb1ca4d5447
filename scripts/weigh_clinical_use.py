"""Compute errors at the operating point, predictive values, calibration and decision curve of every method."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.statistics.clinical import ClinicalUse, weigh_clinical_use
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE


def main(
    predictions: Mapping[tuple[str, ...], Path],
    tests: Mapping[tuple[str, ...], Path],
    uses: Mapping[str, Mapping[str, Any]],
    probabilities: Sequence[str],
    alpha: float,
    clinical: Path,
    curve: Path,
) -> None:
    """Compute errors at the operating point, predictive values, calibration and decision curve of every method."""
    asked = {cohort: ClinicalUse(**use) for cohort, use in uses.items()}
    found = weigh_clinical_use(predictions, asked, probabilities, alpha, tests)
    CLINICAL.write(found.values, clinical)
    DECISION_CURVE.write(found.curves, curve)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
            tests=by_key(snakemake.params.test_sets, snakemake.input.tests),
            uses=snakemake.params.uses,
            probabilities=snakemake.params.probabilities,
            alpha=snakemake.params.alpha,
            clinical=Path(snakemake.output.clinical),
            curve=Path(snakemake.output.curve),
        )
