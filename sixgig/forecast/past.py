"""What the jobs of finished studies took, and what that says of jobs to come.

A past job is compared with what would have been computed for it then: the ratio corrects what is computed now. So a job
that has not changed is expected to take what it took, one with twice the steps twice that; and a job of another study
lends its ratio to jobs of the same kind.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sixgig.forecast.base import JobCost, JobKey
from sixgig.runtime.atomic import read_json

MEASURED, SCALED = "measured", "scaled"
#: Snakemake samples memory; what ended sooner may not have been seen at its peak.
_SAMPLED_SECONDS = 3.0
#: Other studies that are looked at, the newest first.
_OTHERS = 5
#: Ratios beyond these say that something else happened, and not how fast the machine is.
_PLAUSIBLE = (0.2, 5.0)


@dataclass(frozen=True)
class Measured:
    """What one job took: seconds, peak host memory and peak GPU memory in MiB; 0 where it was not seen."""

    seconds: float
    rss_mb: float
    vram_mb: float = 0.0


@dataclass(frozen=True)
class Past:
    """Past costs of a study, and of others beside it.

    Attributes:
        jobs: What the study's jobs took when they last ran.
        config: The study file of then, complete; empty when it is not known.
        machine: What is recorded about the machine of then.
        others: Other studies in the same folder.
    """

    jobs: Mapping[JobKey, Measured] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[Past, ...] = ()

    @classmethod
    def of_study(cls, folder: Path, alone: bool = False) -> Past:
        """Read what the jobs of a study took; nothing is there before its first job has ended.

        Args:
            folder: ``results/<study>``.
            alone: Leave out the studies beside it.
        """
        folder = Path(folder)
        known = _json(folder / "study.json")
        others = () if alone else tuple(cls.of_study(path, alone=True) for path in _beside(folder))
        return cls(dict(_jobs(folder)), known.get("config", {}), known.get("machine", {}), others)

    def improve(
        self,
        costs: Mapping[JobKey, JobCost],
        computed: Callable[[Mapping[str, Any]], Mapping[JobKey, JobCost]] | None = None,
        processor: str | None = None,
    ) -> dict[JobKey, JobCost]:
        """Return costs corrected by what is known.

        Args:
            costs: Computed for the study of now.
            computed: Computes the costs of another study file; the study is taken as unchanged when None.
            processor: Of the machine that is planned for: studies of another one say nothing.
        """
        found = dict(costs)
        if computed is not None:
            ratios = self._lent(computed, processor)
            for job, cost in costs.items():
                ratio = ratios.get(_kind(job), ratios.get(job.rule))
                if ratio is not None:
                    found[job] = replace(cost, seconds=cost.seconds * ratio, basis=SCALED)
        if self._of(processor):
            then = computed(self.config) if computed is not None and self.config else costs
            for job, measured in self.jobs.items():
                if job in costs:
                    found[job] = _corrected(costs[job], then.get(job, costs[job]), measured)
        return found

    def _of(self, processor: str | None) -> bool:
        """Whether the study ran on such a machine, as far as that is known."""
        recorded = self.machine.get("processor")
        return not processor or not recorded or recorded == processor

    def _lent(
        self, computed: Callable[[Mapping[str, Any]], Mapping[JobKey, JobCost]], processor: str | None
    ) -> dict[str, float]:
        """Return the median ratio of measured to computed seconds in other studies, by kind of job and by rule."""
        ratios: dict[str, list[float]] = {}
        for other in self.others:
            if not other.config or not other.jobs or not other._of(processor):
                continue
            then = computed(other.config)
            for job, measured in other.jobs.items():
                if job in then and then[job].seconds > 0:
                    ratio = measured.seconds / then[job].seconds
                    if _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1]:
                        ratios.setdefault(job.rule, []).append(ratio)
                        ratios.setdefault(_kind(job), []).append(ratio)
        return {kind: statistics.median(found) for kind, found in ratios.items()}


def _corrected(now: JobCost, then: JobCost, measured: Measured) -> JobCost:
    """Return a cost corrected by what the same job took."""
    grown = now.seconds / then.seconds if then.seconds > 0 else 1.0
    seen = measured.rss_mb if measured.seconds >= _SAMPLED_SECONDS else 0.0
    rss = now.rss_mb * seen / then.rss_mb if seen and then.rss_mb else now.rss_mb
    vram = now.vram_mb * measured.vram_mb / then.vram_mb if measured.vram_mb and then.vram_mb else now.vram_mb
    return replace(now, seconds=measured.seconds * grown, rss_mb=rss, vram_mb=vram, basis=MEASURED)


def _kind(job: JobKey) -> str:
    """Return what a job has in common with those of other cohorts: its rule with its arm and classifier."""
    return f"{job.rule} {job.name.partition('.')[2]}" if "." in job.name else job.rule


def _beside(folder: Path) -> list[Path]:
    """Return the newest finished studies beside one."""
    files = [path for path in folder.parent.glob("*/study.json") if path.parent.name != folder.name]
    return [path.parent for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)[:_OTHERS]]


def _jobs(folder: Path) -> list[tuple[JobKey, Measured]]:
    benchmarks = folder / "benchmarks"
    found = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        place = path.relative_to(benchmarks)
        inside = len(place.parts) > 1
        job = JobKey(place.parts[0] if inside else place.stem, place.stem if inside else "")
        measured = _with_sidecar(folder, job, _read(path))
        if measured is not None:
            found.append((job, measured))
    return found


def _with_sidecar(folder: Path, job: JobKey, measured: Measured | None) -> Measured | None:
    """Add what the sidecar says: GPU memory, and whether the job did all of its work; None when it failed."""
    if measured is None or "." not in job.name:
        return measured
    cohort, arm = job.name.split(".")[:2]
    if job.rule == "pretrain_arm":
        facts = _json(folder / "pretraining" / cohort / f"{arm}.json").get("pretraining", {})
        cost = facts.get("cost", {})
    elif job.rule in ("encode_images", "code_features", "compute_features"):
        facts = cost = _json(folder / "features" / cohort / f"{arm}.json")
    else:
        return measured
    if str(facts.get("status", "")).startswith("failed"):
        return None
    if facts.get("shards"):  # its seconds are those of the shards, which are jobs of their own
        return measured
    seconds = max(measured.seconds, float(cost.get("seconds") or 0.0))  # features may be those of an earlier run
    resumed, steps = facts.get("resumed_at") or 0, facts.get("steps") or 0
    if 0 < resumed < steps:
        seconds *= steps / (steps - resumed)
    vram = float(facts.get("peak_vram_mb") or cost.get("peak_vram_mb") or 0.0)
    return Measured(seconds, measured.rss_mb, vram)


def _read(path: Path) -> Measured | None:
    """Read the last row of a benchmark file; None when it is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            row = list(csv.DictReader(stream, delimiter="\t"))[-1]
        memory = row["max_rss"]
        return Measured(float(row["s"]), float(memory) if memory not in ("NA", "-") else 0.0)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
