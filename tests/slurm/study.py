"""The tiny study on SLURM: killed for memory, interrupted, killed, and its bytes beside those of a local run.

Started by run.sh, which has started SLURM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import chaos
import tiny
import yaml
from conftest import ROOT, RUN

ARMS = ("vit_pure", "vit_sparse", "vit_mim")
START = (sys.executable, "-m", "sixgig", "run", "study.yaml")
#: As a user starts it, but that there is no accounting here, and that nobody wants to wait 40 s for a first look.
ON_SLURM = (
    "--workflow-profile", str(ROOT / "profiles" / "slurm"), "--slurm-status-command", "squeue",
    "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "5", "--latency-wait", "5",
    # Less memory than encoding takes: the first attempt is killed, a later one is not.
    "--set-resources", "encode_images:mem_mb=600*attempt",
)  # fmt: skip


def main(folder: Path) -> None:
    """Run the study locally and on SLURM, and compare."""
    write_study(folder, ("local", "slurm"), device="auto")  # so that networks ask for a card
    began = time.monotonic()
    local = start(folder / "local", *RUN)
    there = folder / "slurm"
    interrupted = start(there, *ON_SLURM)
    wait_for_jobs(there, interrupted, 5)
    say(f"SIGTERM after {done(there)} jobs, with these in the queue:\n{queue()}")
    interrupted.send_signal(signal.SIGTERM)
    expect(interrupted.wait() == 143, "the interrupted run ends with 143")
    wait_until(lambda: not queue(), "its jobs leave the queue")
    killed = start(there, *ON_SLURM)
    wait_for_jobs(there, killed, 10)
    say(f"kill -9 after {done(there)} jobs, with these in the queue:\n{queue()}")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    last = start(there, *ON_SLURM)
    expect(last.wait() == 0, "the last run, by the same command, finishes the study")
    expect(not queue(), "nothing is left in the queue")
    expect(local.wait() == 0, "the local run finishes")
    differing = chaos.differing(there / "results/tiny", folder / "local/results/tiny")
    compared = len(chaos.results(there / "results/tiny"))
    expect(not differing, f"{compared} results have the bytes of the local run; not: {differing}")
    logs = [path.read_text(errors="replace") for path in (there / ".snakemake/slurm_logs").rglob("*.log")]
    out_of_memory = sum("exceeded memory limit" in log for log in logs)
    expect(out_of_memory > 0, f"{out_of_memory} jobs were killed for memory and tried again with more")
    states = subprocess.run(
        ["squeue", "--states=all", "--noheader", "--format=%T %N %b"], capture_output=True, text=True, check=True
    )
    for line, number in sorted(Counter(states.stdout.splitlines()).items()):
        say(f"{number:4} jobs {line}")
    say(f"all of it took {time.monotonic() - began:.0f} s")


def write_study(folder: Path, names: Sequence[str], device: str) -> None:
    """Write the study file into folders of these names."""
    weights = folder / "weights"
    weights.mkdir()
    config = tiny.tiny_config(tiny.write_weights(weights))
    config |= {
        "arms": {arm: config["arms"][arm] for arm in ARMS},
        "cohorts": {"brats_phantom": config["cohorts"]["brats_phantom"]},
        "classifiers": {"svm": config["classifiers"]["svm"]},
        "device": device,
    }
    for name in names:
        (folder / name).mkdir()
        (folder / name / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def start(folder: Path, *options: str, targets: Sequence[str] = chaos.SMALL) -> subprocess.Popen[bytes]:
    """Start the study in a folder, where its output goes to a file."""
    number = len(list(folder.glob("run-*.log")))
    with (folder / f"run-{number}.log").open("wb") as log:
        return subprocess.Popen(
            [*START, *options, "--", *chaos.SMALL], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )


def done(folder: Path) -> int:
    """Return how many jobs are done: each has a benchmark."""
    return sum(1 for _ in (folder / "results/tiny/benchmarks").rglob("*.tsv"))


def queue() -> str:
    """Return the jobs that wait or run."""
    shown = subprocess.run(["squeue", "--noheader", "--format=%i %T %k"], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def wait_for_jobs(folder: Path, run: subprocess.Popen[bytes], number: int) -> None:
    """Return when so many jobs are done and one is running."""
    wait_until(lambda: run.poll() is not None or (done(folder) >= number and "RUNNING" in queue()), f"{number} jobs")
    expect(run.poll() is None, f"the run goes on until {number} jobs are done")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 1800.0) -> None:
    """Return when a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            expect(False, f"within {seconds:.0f} s: {what}")
        time.sleep(0.5)
    say(f"ok: {what}")


def say(text: str) -> None:
    """Print at once."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def expect(condition: bool, what: str) -> None:
    """Print what holds; end the test where it does not hold."""
    say(f"{'ok' if condition else 'FAILED'}: {what}")
    if not condition:
        sys.exit(1)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]))
