"""What the jobs of finished studies took: Snakemake's benchmark files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sixgig.forecast.base import JobCost, JobKey

MEASURED = "measured"


@dataclass(frozen=True)
class Measured:
    """What one job took: seconds, and peak host memory in MiB (0 where it was too short to be seen)."""

    seconds: float
    rss_mb: float


@dataclass(frozen=True)
class Past:
    """Past costs of a study.

    Attributes:
        jobs: What its jobs took when they last ran.
    """

    jobs: Mapping[JobKey, Measured] = field(default_factory=dict)

    @classmethod
    def of_study(cls, folder: Path) -> Past:
        """Read what the jobs of a study took.

        Args:
            folder: ``results/<study>``.
        """
        jobs: dict[JobKey, Measured] = {}
        benchmarks = Path(folder) / "benchmarks"
        for path in sorted(benchmarks.rglob("*.tsv")):
            place = path.relative_to(benchmarks)
            rule = place.parts[0] if len(place.parts) > 1 else place.stem
            found = _read(path)
            if found is not None:
                jobs[JobKey(rule, place.stem if len(place.parts) > 1 else "")] = found
        return cls(jobs)

    def improve(self, costs: Mapping[JobKey, JobCost]) -> dict[JobKey, JobCost]:
        """Return costs with what is known in place of what was computed."""
        return {job: self._known(job, cost) for job, cost in costs.items()}

    def _known(self, job: JobKey, cost: JobCost) -> JobCost:
        found = self.jobs.get(job)
        if found is None:
            return cost
        return replace(cost, seconds=found.seconds, rss_mb=found.rss_mb or cost.rss_mb, basis=MEASURED)


def _read(path: Path) -> Measured | None:
    """Read the last row of a benchmark file; None when it is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        return Measured(float(rows[-1]["s"]), max(0.0, float(rows[-1]["max_rss"].replace("NA", "0"))))
    except (OSError, ValueError, KeyError, IndexError, AttributeError):
        return None
