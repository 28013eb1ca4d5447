"""Kill a study again and again at random moments, start it again by the same command, and compare what it ends with.

`make chaos` kills the tiny study with every arm 25 times. A terminal is played for each start, so that Ctrl-C and a
closed window are the real ones. Kills are spread over the jobs that are done, not over time: a slow machine gets as
many as a fast one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiny
import yaml
from conftest import ROOT, RUN
from terminal import Run

from sixgig.runtime.owner import SNAKEMAKE_LOCKS
from sixgig.runtime.processes import members
from sixgig.runtime.running import Running, running_jobs

#: What is killed, and how; ``job`` and ``child`` leave the run going.
KINDS = ("main", "group", "job", "SIGTERM", "SIGINT", "SIGHUP", "child")
#: Files whose bytes are the same however often the study was killed; the rest tells times and machines.
RESULTS = (
    "metrics.csv", "summary.csv", "predictions/**/*.csv", "features/**/*.npz", "features/**/*.npy",
    "pretraining/**/*.safetensors", "weights/*.safetensors", "cohorts/*/*.npy", "cohorts/*/splits.csv",
)  # fmt: skip
#: What is asked for, and of what, in the smaller study.
COHORT, CLASSIFIER, SMALL = "brats_phantom", "svm", ("results/tiny/summary.csv",)
#: Share of the kills for which a job has to be at work; the others may also hit a run that is just starting.
_AT_WORK = 0.8


@dataclass
class Kill:
    """One kill, and what came of it.

    Attributes:
        kind: One of :data:`KINDS`.
        done: Jobs that were done.
        running: Names of the jobs that ran.
        code: Exit code of the main process; None when it went on.
        ended: Seconds until the main process had ended.
        gone: Seconds until its jobs had ended too; None when the next run was started without waiting.
        lost: Most seconds of a job's work since its last checkpoint, or since it began.
    """

    kind: str
    done: int
    running: list[str]
    code: int | None = None
    ended: float = 0.0
    gone: float | None = None
    lost: float = 0.0


@dataclass
class Chaos:
    """A study that is killed.

    Args:
        folder: With ``study.yaml``.
        targets: What Snakemake is asked for.
        jobs: How many jobs there are, about.
        kinds: The kills, in turn.
        seed: Of the moments.
    """

    folder: Path
    targets: Sequence[str]
    jobs: int
    kinds: Sequence[str]
    seed: int
    kills: list[Kill] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    starts: int = 0

    def run(self) -> None:
        """Start, kill, and start again until the study has ended by itself.

        Raises:
            AssertionError: A run failed of which no job was killed.
        """
        chance = random.Random(self.seed)
        moments = sorted(chance.choices(range(self.jobs - 4), k=len(self.kinds)))
        due = [
            (moment, kind, chance.uniform(0.0, 3.0), chance.random() < _AT_WORK)
            for moment, kind in zip(moments, self.kinds, strict=True)
        ]
        while True:
            run = Run(command(*self.targets), self.folder, self.folder / f"run-{self.starts}.log")
            self.starts += 1
            wounded = False
            with run:
                while run.goes_on():
                    if due and self.done() >= due[0][0]:
                        _, kind, delay, at_work = due[0]
                        if at_work and not running_jobs(self.folder / "results/tiny"):
                            continue
                        run.look_for(delay)
                        if not run.goes_on():  # a job was killed before, and nothing else could be done
                            break
                        del due[0]
                        wounded |= kind in ("job", "child")
                        self._kill(run, kind, chance)
                        if not run.goes_on():
                            break
            code = run.process.returncode
            if code == 0 and not run.killed:
                assert not due, f"the study ended before {len(due)} kills"
                return
            assert run.killed or wounded, f"run {self.starts} failed by itself with {code}: {run.output[-6000:]}"

    def done(self) -> int:
        """Return how many jobs are done: each has a benchmark."""
        return sum(1 for _ in (self.folder / "results/tiny/benchmarks").rglob("*.tsv"))

    def _kill(self, run: Run, kind: str, chance: random.Random) -> None:
        token = run.owner()
        if token is not None and token not in self.owners:
            self.owners.append(token)
        study = self.folder / "results/tiny"
        jobs = running_jobs(study)
        kill = Kill(kind, self.done(), [job.key for job in jobs], lost=max([_lost(study, job) for job in jobs] or [0]))
        self.kills.append(kill)
        began = time.monotonic()
        if kind in ("job", "child"):
            pids = [job.pid for job in jobs]
            if kind == "child" and token is not None:
                pids = [process.pid for process in members(token) if process.pid not in pids]
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(sorted(pids)), signal.SIGKILL)
            return
        run.kill(kind)
        kill.code, kill.ended = run.wait(), time.monotonic() - began
        if token is not None and chance.random() < 0.5:  # else the next run meets the orphans
            while members(token) and time.monotonic() - began < 60:
                time.sleep(0.05)
            kill.gone = time.monotonic() - began

    def leftovers(self, undisturbed: Path) -> list[str]:
        """Return what is there that an undisturbed run does not leave.

        Args:
            undisturbed: ``results/tiny`` of such a run.
        """
        study = self.folder / "results/tiny"
        found = [str(path) for pattern in (".running/*", "**/.partial-*") for path in study.glob(pattern)]
        found += [str(path) for path in (self.folder / SNAKEMAKE_LOCKS).glob("*")]
        found += [str(path) for path in (self.folder / ".snakemake/incomplete").glob("*")]
        kept = {path.name for path in (undisturbed / ".checkpoints").glob("*")}
        found += [str(path) for path in (study / ".checkpoints").glob("*") if path.name not in kept]
        for token in self.owners:
            found += [f"process {process.pid}" for process in members(token)]
        return found

    def table(self) -> str:
        """Return the kills as text."""
        lines = [f"{'':3} {'kill':8} {'done':>4} {'code':>5} {'ended':>6} {'jobs':>6} {'lost':>6}  running"]
        for number, kill in enumerate(self.kills, 1):
            code = "" if kill.code is None else kill.code
            gone = "" if kill.gone is None else f"{kill.gone:.1f}"
            ended = "" if kill.code is None else f"{kill.ended:.1f}"
            running = ", ".join(kill.running)
            lines.append(
                f"{number:3} {kill.kind:8} {kill.done:4} {code:>5} {ended:>6} {gone:>6} {kill.lost:6.1f}  {running}"
            )
        return "\n".join([*lines, f"{len(self.kills)} kills, {self.starts} starts by the same command"])


def command(*targets: str) -> list[str]:
    """Return the one command that a study is started by, each time."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
    return [*start, *RUN, *(("--", *targets) if targets else ())]


def _lost(study: Path, job: Running) -> float:
    """Return the seconds of work that a job loses when it is killed now."""
    words = {"pretrain_arm": "pretrain", "encode_images": "encode", "prepare_cohort": "prepare"}
    name = f"{words.get(job.rule, job.rule)}-{job.name.replace('.', '-')}"
    saved = [path.stat().st_mtime for path in (study / ".checkpoints" / name).rglob("*") if path.exists()]
    return max(0.0, time.time() - max([job.started, *saved]))


def results(study: Path) -> dict[str, bytes]:
    """Return the bytes of a study's results by their name in ``results/tiny``."""
    return {str(path.relative_to(study)): path.read_bytes() for pattern in RESULTS for path in study.glob(pattern)}


def differing(study: Path, undisturbed: Path) -> list[str]:
    """Return the names of the results that differ from those of an undisturbed run, or are missing in one of them."""
    ours, theirs = results(study), results(undisturbed)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def kinds(number: int, seed: int) -> list[str]:
    """Return so many kinds of kills, each as often as the others, mixed."""
    chosen = [KINDS[place % len(KINDS)] for place in range(number)]
    random.Random(seed).shuffle(chosen)
    return chosen


def smaller(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with one cohort and one classifier, and all arms; :data:`SMALL` is asked of it."""
    cohorts, classifiers = (
        {name: config[kind][name]} for kind, name in (("cohorts", COHORT), ("classifiers", CLASSIFIER))
    )
    return {**config, "cohorts": cohorts, "classifiers": classifiers}


def _study(folder: Path, weights: Path, small: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny.tiny_config(weights)
    (folder / "study.yaml").write_text(yaml.safe_dump(smaller(config) if small else config, sort_keys=False))
    return folder


def _lines(chaos: Chaos, differ: Sequence[str], left: Sequence[str]) -> Iterator[str]:
    yield chaos.table()
    worst = max(kill.lost for kill in chaos.kills)
    yield f"results that differ from the undisturbed run's: {', '.join(differ) or 'none'}"
    yield f"leftovers: {', '.join(left) or 'none'}"
    yield f"most work lost by a job: {worst:.0f} s"


def main() -> int:
    """Run the study undisturbed, then kill another one; print the kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="one cohort and one classifier, up to summary.csv")
    parser.add_argument("--folder", type=Path, help="where to work, kept; a temporary one when not given")
    parser.add_argument("--undisturbed", type=Path, help="folder of an undisturbed run, with study.yaml and results/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sixgig-chaos-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        undisturbed = options.undisturbed
        targets = SMALL if options.small else ()
        if undisturbed is None:
            (folder / "weights").mkdir(parents=True, exist_ok=True)
            undisturbed = _study(folder / "undisturbed", tiny.write_weights(folder / "weights"), options.small)
            print("[chaos] the undisturbed run", flush=True)
            with Run(command(*targets), undisturbed, folder / "undisturbed.log") as run:
                assert run.wait() == 0, run.output[-6000:]
        killed = folder / "killed"
        killed.mkdir(parents=True, exist_ok=True)
        (killed / "study.yaml").write_text((undisturbed / "study.yaml").read_text())
        jobs = sum(1 for _ in (undisturbed / "results/tiny/benchmarks").rglob("*.tsv"))
        print(f"[chaos] {options.kills} kills over {jobs} jobs, seed {options.seed}", flush=True)
        chaos = Chaos(killed, targets, jobs, kinds(options.kills, options.seed), options.seed)
        try:
            chaos.run()
        finally:
            if chaos.kills:
                print(chaos.table(), flush=True)
        study = undisturbed / "results/tiny"
        differ, left = differing(killed / "results/tiny", study), chaos.leftovers(study)
        print("\n".join(list(_lines(chaos, differ, left))[1:]))
        return 1 if differ or left or max(kill.lost for kill in chaos.kills) > 90 else 0


if __name__ == "__main__":
    sys.exit(main())
