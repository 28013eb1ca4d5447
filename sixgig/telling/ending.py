"""How a run of a study ended, in facts and in lines."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sixgig.forecast.base import JobKey
from sixgig.results.study import is_failed
from sixgig.telling.lines import clock, in_words, per_cent
from sixgig.tracking.record import read_record


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        study: Name of the study.
        outcome: ``finished``, ``failed`` (jobs failed) or ``stopped`` (a signal, or an error of Snakemake's own).
        seconds: What the run took.
        predicted: What was predicted for it; 0 without a forecast.
        n_lost: Jobs that did not run because one that they need failed.
        failed_jobs: Logs of the jobs that failed, by ``rule wildcards``.
        failed_arms: Reason of each arm without a result, by ``cohort/arm``.
        report: Path of the report; empty when there is none.
        tracking: Why the study is not in MLflow, or not all of it; empty when it is, or need not be.
    """

    study: str
    outcome: str
    seconds: float
    predicted: float
    n_lost: int
    failed_jobs: Mapping[str, str]
    failed_arms: Mapping[str, str]
    report: str
    tracking: str

    @classmethod
    def of(
        cls, folder: Path, outcome: str, seconds: float, predicted: float, failed: Mapping[JobKey, str], n_lost: int = 0
    ) -> Ending:
        """Look at what a run left in ``results/<study>``."""
        report = folder / "report.html"
        return cls(
            study=folder.name,
            outcome=outcome,
            seconds=seconds,
            predicted=predicted,
            n_lost=n_lost,
            failed_jobs={" ".join(filter(None, (key.rule, key.name))): log for key, log in failed.items()},
            failed_arms=failed_arms(folder),
            report=str(report) if report.is_file() else "",
            tracking=read_record(folder / "mlflow.json").trouble,
        )


def failed_arms(folder: Path) -> dict[str, str]:
    """Return the reason of each arm without a result, by ``cohort/arm``, as the summary has it."""
    found: dict[str, str] = {}
    with suppress(OSError, csv.Error, UnicodeDecodeError), (folder / "summary.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            if is_failed(row.get("status") or ""):
                found.setdefault(f"{row.get('cohort')}/{row.get('arm')}", str(row["status"]))
    return found


def end_lines(ending: Ending, now: float, fraction: float | None = None) -> list[str]:
    """Say how a run ended.

    Args:
        ending: How it ended.
        now: Seconds since the epoch.
        fraction: Share of the study's work that is done; None when it is not known.
    """
    took = in_words(ending.seconds)
    said = f" ({in_words(ending.predicted)} predicted)" if ending.predicted else ""
    if ending.outcome == "finished":
        lines = [f"[{clock(now)}] the study is finished, after {took}{said}"]
    elif ending.outcome == "failed":
        count = len(ending.failed_jobs)
        jobs = "1 job" if count == 1 else f"{count} jobs"
        them = "it" if count == 1 else "them"
        rest = f", {ending.n_lost} that need {them} did not run" if ending.n_lost else ""
        lines = [f"[{clock(now)}] {jobs} failed{rest}; the end after {took}. What is finished is kept"]
        lines += [f"[sixgig] failed: {name}; see {log}" for name, log in ending.failed_jobs.items()]
    else:
        at = "" if fraction is None else f", at {per_cent(fraction)} of the work"
        lines = [f"[{clock(now)}] stopped after {took}{at}. What is finished is kept"]
    if ending.tracking:
        lines.append(f"[sixgig] MLflow: {ending.tracking}; the next run tries again")
    if ending.report and ending.outcome == "finished":
        lines.append(f"[sixgig] report: {ending.report}")
    return lines
