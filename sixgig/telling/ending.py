"""How a run of a study ended, in facts and in lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.forecast.base import JobKey
from sixgig.plan.failures import failures
from sixgig.telling.lines import clock, in_words, per_cent
from sixgig.tracking.record import read_record

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan


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
        failures: Why an arm or a cohort has no result, by ``arm vit_mim on acdc`` or ``cohort acdc``.
        report: Path of the report; empty when there is none.
        tracking: Why the study is not in MLflow, or not all of it; empty when it is, or need not be.
    """

    study: str
    outcome: str
    seconds: float
    predicted: float
    n_lost: int
    failed_jobs: Mapping[str, str]
    failures: Mapping[str, str]
    report: str
    tracking: str

    @classmethod
    def of(
        cls, plan: Plan, outcome: str, seconds: float, predicted: float, failed: Mapping[JobKey, str], n_lost: int = 0
    ) -> Ending:
        """Look at what a run of a study left."""
        folder = Path(f"results/{plan.study}")
        report = folder / "report.html"
        return cls(
            study=plan.study,
            outcome=outcome,
            seconds=seconds,
            predicted=predicted,
            n_lost=n_lost,
            failed_jobs={" ".join(filter(None, (key.rule, key.name))): log for key, log in failed.items()},
            failures={failure.what: failure.reason for failure in failures(plan) if not failure.asked_for},
            report=str(report) if report.is_file() else "",
            tracking=read_record(folder / "mlflow.json").trouble,
        )


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
    return lines
