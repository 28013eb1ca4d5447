"""The whole default study by two checkouts, one after the other and again: wall time, CPU, core use, critical path.

``.venv/bin/python -m bench.default_study old=../before new=. --runs 3 --out table.json`` runs the study of each
checkout in an empty folder, with that checkout's own interpreter, as often as asked, alternating. What is fetched from
a registry is fetched once before, by a run of its own that is not counted (or copied from ``--downloads``). The
machine has to be quiet: a run during which other processes take more than a tenth of a core is said to be disturbed.

The runs must agree: features, weights, predictions and metrics are compared byte by byte, and a difference ends the
program with exit code 1. Seconds of a job are those of its benchmark file; the critical path is the chain of jobs that
would take longest with endless cores; core use is CPU time over wall time and cores.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.needs import needs_of
from sixgig.forecast.schedule import schedule
from sixgig.plan.plan import Plan
from sixgig.runtime.atomic import read_json

#: Files that must be the same, whatever ran them.
SAME = (
    "cohorts/*/images.npy", "cohorts/*/volumes.npy", "cohorts/*/splits.csv", "weights/*.safetensors",
    "pretraining/*/*.safetensors", "features/*/*.npy", "features/*/*.npz", "predictions/*/*.csv", "metrics.csv",
    "summary.csv",
)  # fmt: skip
#: Cores that others may take before a run counts as disturbed.
_QUIET = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One run of the study.

    Attributes:
        name: Of the checkout.
        wall: Seconds from the command to its end.
        cpu: CPU seconds of it and of all that it started.
        others: Cores that other processes took meanwhile, on average.
        jobs: Seconds and CPU seconds of every job, by rule and name.
        hashes: sha256 of the files that must be the same.
    """

    name: str
    wall: float
    cpu: float
    others: float
    jobs: Mapping[str, tuple[float, float]]
    hashes: Mapping[str, str]


def main() -> int:
    """Run, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", metavar="NAME=FOLDER", help="each with a .venv of its own")
    parser.add_argument("--runs", type=int, default=3, help="of each checkout")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--study", type=Path, help="a study file instead of the default study")
    parser.add_argument("--downloads", type=Path, help="copied to results/downloads of every run")
    parser.add_argument("--out", type=Path, help="JSON file with all that was measured")
    asked = parser.parse_args()
    checkouts = {name: Path(folder).resolve() for name, _, folder in (one.partition("=") for one in asked.checkouts)}
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="default-study-") as folder:
        downloads = asked.downloads or _download(next(iter(checkouts.values())), Path(folder), asked.study)
        for number in range(asked.runs):
            for name, checkout in checkouts.items():
                place = Path(folder) / f"{name}-{number}"
                shutil.copytree(downloads, place / "results" / "downloads")
                runs.append(run_study(name, checkout, place, asked.cores, asked.study))
                print(_line(runs[-1], asked.cores), flush=True)
                config = read_json(next(place.glob("results/*/study.json")))["config"]
                shutil.rmtree(place)
    for name in checkouts:
        print(f"\n{name}:")
        print(table([run for run in runs if run.name == name], config, asked.cores))
    medians = {name: statistics.median(run.wall for run in runs if run.name == name) for name in checkouts}
    first = next(iter(medians))
    print("\n" + "; ".join(f"{name}: {seconds:.0f} s" for name, seconds in medians.items()), end="")
    print(f"; {first} over the others: {', '.join(f'{medians[first] / value:.2f}' for value in medians.values())}")
    if asked.out:
        asked.out.write_text(json.dumps([asdict(run) for run in runs], indent=1), encoding="utf-8")
    different = differences(runs)
    for file in different:
        print(f"not the same in all runs: {file}", file=sys.stderr)
    return 1 if different else 0


def _command(checkout: Path, cores: int, study: Path | None, *targets: str) -> list[str]:
    workflow = [
        "--snakefile",
        str(checkout / "Snakefile"),
        "--workflow-profile",
        str(checkout / "profiles" / "default"),
    ]
    own = ["--configfile", str(study.resolve())] if study else []
    python = str(checkout / ".venv" / "bin" / "python")
    return [python, "-m", "snakemake", *workflow, *own, "--cores", str(cores), *targets]


def _download(checkout: Path, folder: Path, study: Path | None) -> Path:
    """Fetch what the study needs; return the folder with it."""
    place = folder / "downloads-only"
    (place / "results" / "downloads").mkdir(parents=True)
    command = _command(checkout, 1, study, "--until", "obtain_cohort", "build_weights")
    with (place / "run.log").open("w") as log:
        subprocess.run(command, cwd=place, stdout=log, stderr=log, check=True)
    return place / "results" / "downloads"


def run_study(name: str, checkout: Path, place: Path, cores: int, study: Path | None = None) -> Run:
    """Run the study of a checkout in a folder and return what it took.

    Raises:
        SystemExit: It failed.
    """
    before, busy, began = resource.getrusage(resource.RUSAGE_CHILDREN), _busy(), time.perf_counter()
    with (place / "run.log").open("w") as log:
        done = subprocess.run(_command(checkout, cores, study), cwd=place, stdout=log, stderr=log, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        sys.exit(f"{name} failed with exit code {done.returncode}:\n{(place / 'run.log').read_text()[-3000:]}")
    (results,) = [file.parent for file in place.glob("results/*/study.json")]
    hashes = {
        str(file.relative_to(results)): hashlib.sha256(file.read_bytes()).hexdigest()
        for pattern in SAME
        for file in sorted(results.glob(pattern))
    }
    return Run(name, wall, cpu, max(0.0, (_busy() - busy - cpu) / wall), measured(results), hashes)


def _busy() -> float:
    """Return the seconds that all cores together have computed since the machine started."""
    user, nice, system, _, _, interrupts, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / _TICKS


def measured(results: Path) -> dict[str, tuple[float, float]]:
    """Return seconds and CPU seconds of every job with a benchmark file, by rule and name."""
    folder, found = results / "benchmarks", {}
    for file in sorted(folder.rglob("*.tsv")):
        with file.open(newline="", encoding="utf-8") as stream:
            row = list(csv.DictReader(stream, delimiter="\t"))[-1]
        rule, _, name = str(file.relative_to(folder)).removesuffix(".tsv").partition("/")
        cpu = row["cpu_time"]
        found[f"{rule} {name}".strip()] = (float(row["s"]), float(cpu) if cpu not in ("NA", "-") else 0.0)
    return found


def table(runs: Sequence[Run], config: Mapping[str, object], cores: int) -> str:
    """Return seconds by rule (medians over runs), jobs, and the critical path of the median run."""
    rules: dict[str, list[str]] = {}
    for job in runs[0].jobs:
        rules.setdefault(job.partition(" ")[0], []).append(job)
    rows = []
    for rule, jobs in rules.items():
        seconds, cpu = (statistics.median(sum(run.jobs[job][i] for job in jobs) for run in runs) for i in (0, 1))
        rows.append((seconds, f"  {rule:24}{len(jobs):5}{seconds:10.1f}{cpu:10.1f}"))
    lines = [f"  {'rule':24}{'jobs':>5}{'s':>10}{'CPU s':>10}", *[row for _, row in sorted(rows, reverse=True)]]
    middle = sorted(runs, key=lambda run: run.wall)[len(runs) // 2]
    costs = {JobKey(*_key(job)): JobCost(seconds, 0.0) for job, (seconds, _) in middle.jobs.items()}
    found = schedule(costs, needs_of(Plan(dict(config), look=False)), cores)
    chain = "\n".join(f"    {costs[job].seconds:7.1f} s  {job.rule} {job.name}" for job in found.critical_path)
    return "\n".join([*lines, f"  critical path, {found.critical_seconds:.0f} s:", chain, "  " + _line(middle, cores)])


def _key(job: str) -> tuple[str, str]:
    rule, _, name = job.partition(" ")
    return rule, name


def _line(run: Run, cores: int) -> str:
    disturbed = f", DISTURBED: others took {run.others:.2f} cores" if run.others > _QUIET else ""
    use = f"{run.cpu / run.wall / cores:.0%} of {cores} cores"
    return f"{run.name}: {run.wall:.0f} s, {run.cpu:.0f} s of CPU, {len(run.jobs)} jobs, {use}{disturbed}"


def differences(runs: Sequence[Run]) -> list[str]:
    """Return the files whose bytes are not the same in all runs, or that some run lacks."""
    files = {file for run in runs for file in run.hashes}
    return sorted(file for file in files if len({run.hashes.get(file) for run in runs}) > 1)


if __name__ == "__main__":
    sys.exit(main())
