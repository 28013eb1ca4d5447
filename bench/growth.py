"""How time and memory of every stage grow with images, subjects, arms and cohorts.

``.venv/bin/python -m bench.growth`` runs tiny studies of simulated cohorts, 1, 2, 4 and 8 times as large in one way
each, and fits an exponent to each rule: time ~ size ** exponent (log-log, least squares). Time is that of the processor
(from Snakemake's benchmark files), less what a job takes at size 1, which is mostly imports; memory is the peak of the
largest job. ``--ways`` and ``--sizes`` choose some; ``--json`` keeps the numbers.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench.plan_size import write_study
from sixgig.runtime.places import PACKAGE

_ROOT = PACKAGE.parent
#: Names of the ways of growing.
WAYS = ("images", "subjects", "arms", "cohorts")
#: Below this growth in seconds of the processor nothing can be fitted: a start varies by as much.
_LEAST_SECONDS = 1.0


def study_of(folder: Path, way: str, size: int) -> Path:
    """Write the study that is ``size`` times as large in one way, and return its file."""
    file = write_study(folder, size if way == "cohorts" else 1, 1, 2, 1, 16 * (size if way == "subjects" else 1))
    study: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    own = study["arms"].pop("vit_pure")
    study["arms"] = {f"arm_{place}": {"kind": "vit_pure", **own} for place in range(size if way == "arms" else 1)}
    study["tracking"] = {"mlflow": False}
    for cohort in study["cohorts"].values():
        cohort["slices"] = {"count": 2 * (size if way == "images" else 1)}
        cohort["duplicates"] = "group"
    file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return file


def run(folder: Path, study: Path) -> dict[str, tuple[float, float]]:
    """Run a study and return for each rule the seconds of the processor of all its jobs, and the largest peak in MiB.

    Raises:
        RuntimeError: It fails, or a benchmark lacks a number.
    """
    command = [sys.executable, "-m", "snakemake", "-s", str(_ROOT / "Snakefile"), "--configfile", str(study)]
    done = subprocess.run(
        [*command, "--cores", "2", "-d", str(folder), "--", "statistics"],
        env=os.environ | {"PYTHONPATH": str(_ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{study} failed: {done.stderr[-2000:]}")
    found: dict[str, tuple[float, float]] = {}
    root = folder / "results" / "size" / "benchmarks"
    for path in sorted(root.rglob("*.tsv")):
        rule = path.parent.name if path.parent != root else path.stem
        row = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))[-1]
        seconds, memory = (
            float(row[name]) if row[name] not in ("NA", "-") else 0.0 for name in ("cpu_time", "max_rss")
        )
        before = found.get(rule, (0.0, 0.0))
        found[rule] = (before[0] + seconds, max(before[1], memory))
    if not found:
        raise RuntimeError(f"{study} left no benchmark files")
    return found


def exponent(sizes: list[int], values: list[float]) -> float:
    """Return the exponent of a power of the size that fits best what was added to the value at size 1.

    The value at the smallest size is taken as ``start + unit``; the start that a line through the first two sizes gives
    is taken off. NaN where nothing grows.
    """
    start = max(0.0, 2 * values[0] - values[1])
    grown = [value - start for value in values]
    if len(sizes) < 2 or min(grown) <= 0 or values[-1] - values[0] < _LEAST_SECONDS:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(grown), 1)[0])


def main() -> None:
    """Run the studies and print a table for each way of growing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    every: dict[str, dict[int, dict[str, tuple[float, float]]]] = {}
    first: dict[str, tuple[float, float]] | None = None
    for way in asked.ways:
        every[way] = {}
        for size in asked.sizes:
            if size == 1 and first is not None:
                every[way][1] = first
                continue
            with tempfile.TemporaryDirectory() as name:
                every[way][size] = run(Path(name), study_of(Path(name), way, size))
            first = every[way][size] if size == 1 else first
            print(f"{way} x {size} done", file=sys.stderr, flush=True)
        _print(way, every[way])
    if asked.json:
        asked.json.write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")


def _print(way: str, found: dict[int, dict[str, tuple[float, float]]]) -> None:
    sizes = sorted(found)
    print(
        f"\n{way}\n\n| rule | {' | '.join(f'x{size} s' for size in sizes)} | exponent | {sizes[0]} to {sizes[-1]} MiB |"
    )
    print(f"|---{'|---' * (len(sizes) + 2)}|")
    for rule in found[sizes[0]]:
        seconds = [found[size].get(rule, (0.0, 0.0))[0] for size in sizes]
        power = exponent(sizes, seconds)
        memory = f"{found[sizes[0]][rule][1]:.0f} to {found[sizes[-1]].get(rule, (0.0, 0.0))[1]:.0f}"
        shown = "-" if math.isnan(power) else f"{power:.1f}"
        print(f"| {rule} | {' | '.join(f'{value:.1f}' for value in seconds)} | {shown} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
