"""Add to every method's estimate what it took, and mark the methods that nothing cheaper equals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import read_json
from sixgig.runtime.inputs import by_key
from sixgig.runtime.jobs import job
from sixgig.statistics.budget import weigh_budget
from sixgig.tables.budget import BUDGET
from sixgig.tables.costs import COSTS
from sixgig.tables.scores import SUMMARY


def main(
    summary: Path,
    costs: Path,
    sidecars: Mapping[tuple[str, ...], Path],
    metric: str,
    budget: Path,
) -> None:
    """Add to every method's estimate what it took, and mark the methods that nothing cheaper equals."""
    found = {key: read_json(path) for key, path in sidecars.items()}
    BUDGET.write(weigh_budget(SUMMARY.read(summary), COSTS.read(costs), found, metric), budget)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            summary=Path(snakemake.input.summary),
            costs=Path(snakemake.input.costs),
            sidecars=by_key(snakemake.params.arms, snakemake.input.sidecars),
            metric=snakemake.params.metric,
            budget=Path(snakemake.output.budget),
        )
