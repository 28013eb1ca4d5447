"""A plan on one screen: jobs gathered by stage, arm and classifier, totals, what takes longest, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.needed import StudyJob
from sixgig.forecast.reasons import short_why

#: Stages in the order in which they run, by the first word of their files of rules, and their names for people.
STAGES = {
    "environments": "set-up",
    "cohorts": "cohorts",
    "weights": "weights",
    "features": "features",
    "classify": "classifiers",
    "external": "other cohorts",
    "statistics": "statistics",
    "report": "report",
}
#: The wildcard by which the jobs of a stage are shown apart.
_APART = {"features": "arm", "classify": "classifier"}


@dataclass(frozen=True)
class Row:
    """One line of the plan.

    Attributes:
        name: Of the stage, the arm or the classifier.
        title: Its name for people.
        stage: The stage that it belongs to.
        jobs: The jobs that it counts, in an order in which they can run.
        seconds: Wall time of those that still have to run, one after the other.
        vram_mb: The largest peak of GPU memory among them.
        rss_mb: The largest peak of memory among them.
        disk_mb: What they leave, together.
        download_mb: What they fetch, together.
        why: Why they run, in a few words.
        batch_size: The smallest batch size that one of them is given; None where there is none.
    """

    name: str
    title: str
    stage: str
    jobs: tuple[StudyJob, ...]
    seconds: float
    vram_mb: float
    rss_mb: float
    disk_mb: float
    download_mb: float
    why: str
    batch_size: int | None = None

    @property
    def n_needed(self) -> int:
        """Jobs that still have to run."""
        return sum(job.needed for job in self.jobs)

    @property
    def is_part(self) -> bool:
        """Whether this is a part of a stage: an arm or a classifier."""
        return self.name != self.stage


@dataclass(frozen=True)
class Overview:
    """What a study still has to run, gathered.

    Attributes:
        rows: Stages in order, each followed by its parts.
        total: All jobs together.
        card_seconds: What all jobs that take the card take; one has it at a time.
        unknown: Jobs for which there is no forecast.
        row_of: The title of the line that a job is counted in, of its part where its stage has parts; in the
            order of the lines.
    """

    rows: tuple[Row, ...]
    total: Row
    card_seconds: float = 0.0
    unknown: tuple[JobKey, ...] = ()
    row_of: Mapping[JobKey, str] = field(default_factory=dict)


def overview(
    jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost], titles: Mapping[str, str] | None = None
) -> Overview:
    """Gather jobs and what they cost.

    Args:
        jobs: The jobs of a study, each after those that it waits for.
        costs: What they cost; a job without an entry counts as nothing and is named in ``unknown``.
        titles: Names of arms and classifiers for people, in the order in which they are shown.
    """
    titles = titles or {}
    order = {name: place for place, name in enumerate(titles)}
    known = [*STAGES, *dict.fromkeys(job.stage for job in jobs if job.stage not in STAGES)]
    rows: list[Row] = []
    for stage in known:
        own = [job for job in jobs if job.stage == stage]
        if not own:
            continue
        rows.append(_row(stage, STAGES.get(stage, stage), stage, own, costs))
        parts = _parts(own, _APART.get(stage))
        for name in sorted(parts, key=lambda name: order.get(name, len(order))):
            rows.append(_row(name, titles.get(name, name), stage, parts[name], costs))
    row_of: dict[JobKey, str] = {}
    for row in rows:
        for job in row.jobs:
            row_of.pop(job.key, None)  # the part stands after its stage
            row_of[job.key] = row.title
    unknown = tuple(job.key for job in jobs if job.needed and job.key not in costs)
    card = sum(costs[job.key].seconds for job in jobs if job.needed and job.gpu and job.key in costs)
    total = _row("total", "in all", "total", jobs, costs)
    return Overview(tuple(rows), total, card, unknown, row_of)


def remaining(jobs: Iterable[StudyJob], costs: Mapping[JobKey, JobCost]) -> dict[JobKey, JobCost]:
    """Return the costs, of jobs that run just now only what is left of them, as far as they say so.

    Args:
        jobs: The jobs of a study.
        costs: What they cost from their start.
    """
    left = {job.key: job.running.seconds_left for job in jobs if job.running is not None}
    return {
        key: cost if (seconds := left.get(key)) is None else replace(cost, seconds=max(0.0, seconds))
        for key, cost in costs.items()
    }


def _parts(jobs: Iterable[StudyJob], wildcard: str | None) -> dict[str, list[StudyJob]]:
    parts: dict[str, list[StudyJob]] = {}
    for job in jobs:
        if wildcard in job.wildcards:
            parts.setdefault(job.wildcards[str(wildcard)], []).append(job)
    return parts


def _row(name: str, title: str, stage: str, jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost]) -> Row:
    due = [costs[job.key] for job in jobs if job.needed and job.key in costs]
    batches = [cost.batch_size for cost in due if cost.batch_size is not None]
    return Row(
        name,
        title,
        stage,
        tuple(jobs),
        sum(cost.seconds for cost in due),
        max((cost.vram_mb for cost in due), default=0.0),
        max((cost.rss_mb for cost in due), default=0.0),
        sum(cost.disk_mb for cost in due),
        sum(cost.download_mb for cost in due),
        short_why(jobs),
        min(batches, default=None),
    )
