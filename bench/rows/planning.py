"""Planning a large study.

`snakemake -n` of 20 cohorts, 8 arms, 4 classifiers and 3 seeds: simulated cohorts, networks of random weights, nothing
is run. Wall time, and memory of the process. `bench.plan_size` measures other sizes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.harness import BenchError, Limit
from bench.plan_size import measure

TITLE = "Planning"
_ROOT = Path(__file__).resolve().parents[2]


def rows(quick: bool) -> Iterator[Limit]:
    """Yield wall time and peak memory."""
    size = (2, 2, 2, 1) if quick else (20, 8, 4, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = _write(folder, size)
        command = [sys.executable, "-m", "snakemake", "-s", str(_ROOT / "Snakefile"), "-d", name, "--cores", "2"]
        command += ["-n", "--quiet", "all", "--configfile", str(study)]
        try:
            measure(command, folder, folder / "log")  # what is asked of timm once, and cached
            taken = [measure(command, folder, folder / "log") for _ in range(1 if quick else 3)]
        except RuntimeError as error:
            raise BenchError("snakemake -n", str(error), "read what it said") from error
    shown = "{} cohorts x {} arms x {} classifiers x {} seeds".format(*size)
    yield Limit(f"`-n` of {shown}, time", [wall for wall, _, _ in taken], "s", 8.0)
    yield Limit(f"`-n` of {shown}, memory", [memory for _, _, memory in taken], "MiB", 500.0)


def _write(folder: Path, size: tuple[int, ...]) -> Path:
    """Write the study in another process: a process that starts one has its own peak counted as that one's."""
    command = [sys.executable, "-m", "bench.plan_size", "--write", str(folder)]
    for name, number in zip(("cohorts", "arms", "classifiers", "seeds"), size, strict=True):
        command += [f"--{name}", str(number)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=False)
    if done.returncode:
        raise BenchError("bench.plan_size", done.stderr[-2000:], "read what it said")
    return Path(done.stdout.splitlines()[-1])
