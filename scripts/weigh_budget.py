"""Add to every method's estimate what it took, and mark the methods that nothing cheaper equals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import read_json
from sixgig.runtime.jobs import job
from sixgig.statistics.budget import weigh_budget
from sixgig.tables.budget import BUDGET
from sixgig.tables.costs import COSTS
from sixgig.tables.scores import SUMMARY


def main(
    summary: Path,
    costs: Path,
    features: Sequence[Path],
    metric: str,
    budget: Path,
) -> None:
    """Add to every method's estimate what it took, and mark the methods that nothing cheaper equals."""
    sidecars = {(path.parent.name, path.stem): read_json(path.with_suffix(".json")) for path in features}
    BUDGET.write(weigh_budget(SUMMARY.read(summary), COSTS.read(costs), sidecars, metric), budget)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            summary=Path(snakemake.input.summary),
            costs=Path(snakemake.input.costs),
            features=[Path(path) for path in snakemake.input.features],
            metric=snakemake.params.metric,
            budget=Path(snakemake.output.budget),
        )
