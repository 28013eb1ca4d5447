"""Snakemake's jobs as tasks with a predicted time."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.forecast.base import JobKey
from sixgig.runtime.running import study_and_job
from sixgig.telling.work import StudyWork, Task

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan


@dataclass(frozen=True)
class Jobs:
    """The jobs of a run.

    Attributes:
        keys: Key by Snakemake's number, of every job that has a log: targets have none and do nothing.
        ended: Those that need not run.
        takes: What each takes, of those that have to run.
        needs: What each waits for.
        capacity: What all together may take.
        jobs: Snakemake's jobs by its number.
    """

    keys: Mapping[int, JobKey]
    ended: frozenset[JobKey]
    takes: Mapping[JobKey, Mapping[str, float]]
    needs: Mapping[JobKey, frozenset[JobKey]]
    capacity: Mapping[str, float]
    jobs: Mapping[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, workflow: Any) -> Jobs:
        """Read them from Snakemake's workflow, once its graph of jobs is there."""
        dag = workflow.dag
        capacity = {name: float(value) for name, value in _numbers(workflow.global_resources) if value < sys.maxsize}
        has_to_run = set(dag.needrun_jobs(exclude_finished=False))
        found = {job: key for job in dag.jobs if (key := job_key(job.log)) is not None}
        takes = {
            key: {name: float(value) for name, value in _numbers(job.resources) if name in capacity}
            for job, key in found.items()
            if job in has_to_run
        }
        needs = {
            key: frozenset(found[other] for other in dag.dependencies[job] if other in found)
            for job, key in found.items()
        }
        ended = frozenset(key for job, key in found.items() if job not in has_to_run)
        keys = {dag.jobid(job): key for job, key in found.items()}
        return cls(keys, ended, takes, needs, capacity, {dag.jobid(job): job for job in found})

    def is_tried_again(self, number: int) -> bool:
        """Whether Snakemake tries a job again that has just failed."""
        job = self.jobs[number]
        return int(getattr(job, "restart_times", 0)) >= int(getattr(job, "attempt", 1))

    def work(self) -> StudyWork:
        """Return the work that they are, as long as nothing is known of their times."""
        tasks = [Task(key, 1.0, self.takes.get(key, {}), self.needs[key], key in self.ended) for key in self.needs]
        return StudyWork(tasks, self.capacity)

    def predicted(self, seconds: Mapping[JobKey, float]) -> dict[JobKey, float]:
        """Return the predicted wall time of every job.

        Args:
            seconds: What is predicted. A job that is missing gets the mean of its rule, or the median of all.
        """
        rules: dict[str, list[float]] = {}
        for key, value in seconds.items():
            rules.setdefault(key.rule, []).append(value)
        usual = statistics.median(seconds.values()) if seconds else 1.0
        means = {rule: statistics.fmean(values) for rule, values in rules.items()}
        return {key: max(0.0, seconds.get(key, means.get(key.rule, usual))) for key in self.needs}


def job_key(logs: Any) -> JobKey | None:
    """Return the key of the job that writes these logs; None for one without."""
    found = study_and_job(Path(str(logs[0]))) if logs else None
    return JobKey(found[1], found[2]) if found else None


def predicted_seconds(plan: Plan) -> dict[JobKey, float]:
    """Return the predicted wall time of every job of a study, on this machine."""
    from sixgig.forecast.machine import this_machine
    from sixgig.forecast.past import Past
    from sixgig.forecast.study import forecast_study

    costs = forecast_study(plan, this_machine(), Past.of_study(Path(f"results/{plan.study}")))
    return {key: float(cost.seconds) for key, cost in costs.items()}


def _numbers(values: Any) -> list[tuple[str, float]]:
    pairs = [(name, getattr(value, "value", value)) for name, value in values.items()]
    return [(name, value) for name, value in pairs if isinstance(value, int | float) and not isinstance(value, bool)]
