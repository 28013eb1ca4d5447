"""Everything that `sixgig plan` tells, whichever way it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.needed import StudyJob
from sixgig.forecast.overview import Overview
from sixgig.forecast.schedule import Schedule

#: What a problem is about that keeps the study from starting.
START = "start"


@dataclass(frozen=True)
class Problem:
    """Why a study cannot run as it is.

    Attributes:
        what: ``GPU memory``, ``memory``, ``disk`` or :data:`START`.
        reason: What does not fit, with figures.
        next_step: What would make it fit.
    """

    what: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class Room:
    """What there is of something, and what the study takes at most.

    Attributes:
        name: ``GPU memory``, ``memory`` or ``disk``.
        needed_mb: In MiB.
        there_mb: In MiB; None when it is not known.
    """

    name: str
    needed_mb: float
    there_mb: float | None


@dataclass(frozen=True)
class Expected:
    """A line of the user's own table beside ours.

    Attributes:
        name: The line of the plan: an arm, a stage, or ``total``.
        title: Its name for people.
        low: Hours that the user expects at least.
        high: Hours that the user expects at most.
        seconds: What we predict.
    """

    name: str
    title: str
    low: float
    high: float
    seconds: float


@dataclass(frozen=True)
class Answer:
    """A plan.

    Attributes:
        study: The study's name.
        title: Its title.
        file: The study file as it was given.
        machine: The machine in words.
        cores: Cores that it is planned for.
        device: Name of the card from a data sheet; empty for this machine.
        now: When it was planned; with its zone.
        jobs: Every job of the study.
        costs: What they cost.
        overview: Both, gathered.
        schedule: When each job that has to run begins and ends with these cores and one card.
        rooms: What is there of what the study takes.
        problems: Why it cannot run as it is; empty when it can.
        notes: What else to know.
        assumptions: What the figures rest on.
        expected: The user's own table; empty when it is not asked for.
    """

    study: str
    title: str
    file: str
    machine: str
    cores: int
    device: str
    now: datetime
    jobs: Sequence[StudyJob]
    costs: Mapping[JobKey, JobCost]
    overview: Overview
    schedule: Schedule
    rooms: Sequence[Room] = ()
    problems: Sequence[Problem] = ()
    notes: Sequence[str] = ()
    assumptions: Sequence[str] = ()
    expected: Sequence[Expected] = ()

    @property
    def seconds(self) -> float:
        """From start to end."""
        return self.schedule.total

    @property
    def finish(self) -> datetime:
        """When it ends, started now."""
        return self.now + timedelta(seconds=self.seconds)

    @property
    def fits(self) -> bool:
        """Whether the study can run as it is."""
        return not self.problems
