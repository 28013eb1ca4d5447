"""Collect what each cohort, arm and classifier took."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.statistics.costs import collect_costs
from sixgig.tables.costs import COSTS


def main(
    cohorts: Sequence[str],
    arms: Sequence[str],
    methods: Sequence[tuple[str, str]],
    costs: Path,
) -> None:
    """Collect what each cohort, arm and classifier took."""
    COSTS.write(collect_costs(costs.parent, cohorts, arms, methods), costs)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            cohorts=snakemake.params.cohorts,
            arms=snakemake.params.arms,
            methods=snakemake.params.methods,
            costs=Path(snakemake.output.costs),
        )
