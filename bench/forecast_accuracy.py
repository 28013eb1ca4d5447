"""How well forecasts meet what studies took.

``.venv/bin/python -m bench.forecast_accuracy STUDY_FOLDER...`` forecasts every study from its own config (in
study.json), with rates measured now and without past costs, as if nothing of it were prepared. Totals are those of one
schedule, filled once with forecast and once with measured seconds; the real wall time stands beside it, with whatever
interruptions the study had.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.machine import Machine, this_machine
from sixgig.forecast.needs import needs_of
from sixgig.forecast.past import Measured, Past
from sixgig.forecast.schedule import schedule
from sixgig.forecast.study import forecast_study
from sixgig.plan.plan import Plan
from sixgig.runtime.atomic import read_json

#: A job of fewer seconds may be over before Snakemake samples its memory.
_SAMPLED = 3.0


def main() -> None:
    """Print the comparison for each study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "studies", nargs="+", type=Path, metavar="STUDY_FOLDER", help="results/<study> of a finished study"
    )
    parser.add_argument("--cores", type=int, help="cores that the studies were given; all by default")
    parser.add_argument("--jobs", action="store_true", help="every job instead of every rule")
    parser.add_argument("--cache", type=Path, help="keep the rates in this file; measured anew by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        machine = this_machine(asked.cache or Path(folder) / "machine.json", asked.cores)
    print(machine, "\n")
    for study in asked.studies:
        compare(study.resolve(), machine, asked.jobs)


def compare(folder: Path, machine: Machine, every_job: bool) -> None:
    """Print forecast and measured costs of one study."""
    before = Path.cwd()
    os.chdir(folder.parent.parent)  # where the study's own paths begin
    try:
        config = read_json(folder / "study.json")["config"]
        plan = Plan(config, look=False)
        forecast = forecast_study(plan, machine, prepared=False)
        needs = needs_of(plan)
    finally:
        os.chdir(before)
    past = Past.of_study(folder).jobs
    both = {job: cost for job, cost in forecast.items() if job in past}
    print(f"{folder}: {len(both)} of {len(forecast)} jobs measured")
    print(f"{'':48}{'seconds':>22}{'ratio':>8}{'MiB':>18}{'ratio':>8}")
    for name, jobs in _groups(both, every_job).items():
        seconds = [sum(both[job].seconds for job in jobs), sum(past[job].seconds for job in jobs)]
        memory = _memory(both, past, jobs)
        print(f"{name:48}{seconds[0]:11.1f}{seconds[1]:11.1f}{seconds[0] / max(seconds[1], 0.01):8.2f}", end="")
        print(f"{memory[0]:9.0f}{memory[1]:9.0f}{memory[0] / memory[1]:8.2f}" if memory[1] else "")
    measured = {job: replace(cost, seconds=past[job].seconds) for job, cost in both.items()}
    totals = [schedule(costs, needs, machine.cores).total for costs in (both, measured)]
    memory = _memory(both, past, list(both))
    print(f"{'total, scheduled':48}{totals[0]:11.1f}{totals[1]:11.1f}{totals[0] / totals[1]:8.2f}", end="")
    print(f"{memory[0]:9.0f}{memory[1]:9.0f}{memory[0] / memory[1]:8.2f}")
    print(f"{'wall time, interruptions included':59}{_wall(folder):11.1f}\n")


def _groups(jobs: Mapping[JobKey, JobCost], every_job: bool) -> dict[str, list[JobKey]]:
    groups: dict[str, list[JobKey]] = {}
    for job in jobs:
        groups.setdefault(f"{job.rule} {job.name}".strip() if every_job else job.rule, []).append(job)
    return groups


def _memory(forecast: Mapping[JobKey, JobCost], past: Mapping[JobKey, Measured], jobs: list[JobKey]) -> list[float]:
    """Return the largest forecast and the largest measured memory of jobs that were long enough to be measured."""
    seen = [job for job in jobs if past[job].seconds >= _SAMPLED]
    if not seen:
        return [0.0, 0.0]
    return [max(forecast[job].rss_mb for job in seen), max(past[job].rss_mb for job in seen)]


def _wall(folder: Path) -> float:
    """Return the time from the first job's start to the last job's end, by the times of the benchmark files."""
    files = list((folder / "benchmarks").rglob("*.tsv"))
    ends = {file: file.stat().st_mtime for file in files}
    starts = [ends[file] - float(file.read_text().splitlines()[-1].split("\t")[0]) for file in files]
    return max(ends.values()) - min(starts)


if __name__ == "__main__":
    main()
