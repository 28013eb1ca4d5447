"""Collect what each cohort, arm and classifier took."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.statistics.costs import collect_costs
from sixgig.tables.costs import COSTS


def main(
    cohorts: Mapping[tuple[str, ...], Path],
    trainings: Mapping[tuple[str, ...], Path],
    sidecars: Mapping[tuple[str, ...], Path],
    predictions: Mapping[tuple[str, ...], Path],
    curves: Mapping[tuple[str, ...], Path],
    costs: Path,
) -> None:
    """Collect what each cohort, arm and classifier took."""
    COSTS.write(collect_costs(cohorts, trainings, sidecars, predictions, curves), costs)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            cohorts=by_key([(name,) for name in snakemake.params.cohorts], snakemake.input.cohorts),
            trainings=by_key(snakemake.params.trained, snakemake.input.trainings),
            sidecars=by_key(snakemake.params.arms, snakemake.input.sidecars),
            predictions=by_key(snakemake.params.methods, snakemake.input.predictions),
            curves=by_key(snakemake.params.curves, snakemake.input.curves),
            costs=Path(snakemake.output.costs),
        )
