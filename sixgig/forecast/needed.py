"""What a study still has to run, and why: the answer of Snakemake's own dry run, and of the records that jobs leave."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sixgig.errors import SixgigError
from sixgig.forecast.base import JobKey
from sixgig.plan.inputs import BLIND
from sixgig.runtime.owner import living_owner
from sixgig.runtime.places import PACKAGE, WORKFLOW
from sixgig.runtime.running import Running, killed_jobs, running_jobs


@dataclass(frozen=True)
class Reason:
    """One reason why a job runs.

    Attributes:
        kind: ``new``, ``missing``, ``killed``, ``running``, ``input`` (files), ``inputs`` (which files), ``code``,
            ``options``, ``software``, ``forced`` or ``follows`` (another job runs before it).
        details: Files that are missing or changed, options with their values before and now.
        jobs: The jobs that it follows.
    """

    kind: str
    details: tuple[str, ...] = ()
    jobs: tuple[JobKey, ...] = ()


@dataclass(frozen=True)
class StudyJob:
    """One job of a study, whether it has to run or not.

    Attributes:
        key: What it is called.
        stage: Name of its stage: of the file of rules that it stands in.
        wildcards: Its cohort, arm, classifier and so on, as far as it has them.
        needed: Whether it still has to run.
        reasons: Why, its own reasons first; empty for a job that need not run.
        after: The jobs that it waits for.
        threads: Threads that Snakemake gives it.
        mem_mb: Memory in MB that its rule asks for.
        gpu: Whether its rule asks for the card.
        running: Its record, when it runs just now.
    """

    key: JobKey
    stage: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    needed: bool = True
    reasons: tuple[Reason, ...] = (Reason("new"),)
    after: tuple[JobKey, ...] = ()
    threads: int = 1
    mem_mb: int = 0
    gpu: bool = False
    running: Running | None = None


@dataclass(frozen=True)
class Question:
    """What Snakemake is asked about.

    Attributes:
        files: The study files.
        entries: What follows ``--config``.
        cores: Cores to plan with.
        look: Whether the data have to be there.
        options: Further options of Snakemake, and targets.
        profile: Workflow profile; None for that of ``options``.
    """

    files: Sequence[Path]
    entries: Sequence[str] = ()
    cores: int = 1
    look: bool = True
    options: Sequence[str] = ()
    profile: Path | None = WORKFLOW / "profiles" / "default"


def ask_snakemake(question: Question, study: str) -> list[StudyJob]:
    """Ask Snakemake for every job of a study; takes some seconds and changes nothing.

    Args:
        question: What it is asked about.
        study: The study's name.

    Returns:
        The jobs in an order in which they can run.

    Raises:
        SixgigError: Snakemake cannot tell.
    """
    with tempfile.TemporaryDirectory(prefix="sixgig-plan-") as folder:
        answer = Path(folder) / "jobs.json"
        # The packages of this interpreter alone, as in a run; and no look at data that need not be there.
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
        if not question.look:
            variables[BLIND] = "1"
        command = [sys.executable, "-m", f"{__package__}.dry_run", str(answer), *_options(question)]
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0 or not answer.exists():
            raise SixgigError(f"study {study}", f"Snakemake cannot plan it: {_said(done.stdout)}", "mend what it names")
        jobs = json.loads(answer.read_text(encoding="utf-8"))["jobs"]
    return with_records(read_jobs(jobs), Path("results") / study)


def _options(question: Question) -> list[str]:
    """Return options of Snakemake, one with a single value last: targets may follow it."""
    options = ["--configfile", *map(str, question.files)]
    if question.entries:
        options += ["--config", *question.entries]
    if question.profile is not None:
        options += ["--workflow-profile", str(question.profile)]
    cores = ["--cores", str(question.cores)]
    return [*options, *cores, "--snakefile", str(WORKFLOW / "Snakefile"), *question.options]


def _said(output: str) -> str:
    """Return what Snakemake complained about, without what it says of itself."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        if "Error" in line or "Exception" in line:
            return " ".join(lines[place:])[:2000]
    return " ".join(lines[-5:])


def read_jobs(described: Sequence[Mapping[str, Any]]) -> list[StudyJob]:
    """Return the jobs that :mod:`sixgig.forecast.dry_run` describes."""
    keys = [JobKey(job["rule"], job["name"]) for job in described]
    return [
        StudyJob(
            key,
            job["stage"],
            job["wildcards"],
            job["needed"],
            tuple(
                Reason(reason["kind"], tuple(reason["details"]), tuple(keys[place] for place in reason["jobs"]))
                for reason in job["reasons"]
            ),
            tuple(keys[place] for place in job["after"]),
            job["threads"],
            job["mem_mb"],
            job["gpu"],
        )
        for key, job in zip(keys, described, strict=True)
    ]


def with_records(jobs: Sequence[StudyJob], folder: Path) -> list[StudyJob]:
    """Add what the records of jobs say: which run just now, and which were cut off.

    Args:
        jobs: The jobs.
        folder: ``results/<study>``.
    """
    running = {JobKey(job.rule, job.name): job for job in running_jobs(folder)}
    killed = {JobKey(job.rule, job.name) for job in killed_jobs(folder)}
    owner = living_owner(folder.name)
    since = owner.since if owner is not None else None
    return [_with_record(job, running.get(job.key), job.key in killed, since) for job in jobs]


def _with_record(job: StudyJob, running: Running | None, killed: bool, since: float | None) -> StudyJob:
    """Sort out what was cut off from what a run has just started, which has no record before Python is up."""
    if not job.needed:
        return job
    cut = next((reason for reason in job.reasons if reason.kind == "killed"), None)
    started = max((float(text) for text in cut.details), default=0.0) if cut is not None else 0.0
    if since is not None and started >= since and running is None:
        running = Running(job.key.rule, job.key.name, 0, socket.gethostname(), started)
    killed = killed or cut is not None
    others = tuple(reason for reason in job.reasons if reason.kind not in ("new", "missing", "killed"))
    if running is not None:
        return replace(job, running=running, reasons=(Reason("running"), *others))
    if killed:
        return replace(job, reasons=(Reason("killed"), *others))
    return job
