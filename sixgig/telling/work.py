"""The arithmetic of a study's progress: predicted work, corrected by what was measured, and when it will be done.

Work is counted in seconds of jobs, so that two jobs side by side do two seconds of it in one. A job that has ended
counts with the time it took; one that has not, with its prediction times a ratio: measured over predicted time, of the
jobs of its rule where some have ended or are well under way, of all such jobs otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sixgig.forecast.base import JobKey
from sixgig.forecast.schedule import Slot, Step, lay_out

#: Share of all predicted work that must have been measured before the overall ratio counts for half.
_TRUSTED = 0.05
#: Share of the items of a running job from which its own rate is believed.
_RATE_FROM = 0.02
#: Share of the items of a running job from which its rate says something of other jobs.
_EVIDENCE = 0.1
#: What is expected of a job that has already taken longer than it should: so much of the time it has taken.
_OVERTIME = 0.1
_LEAST, _MOST = 0.02, 50.0


@dataclass(frozen=True)
class Task:
    """One job of a run.

    Attributes:
        key: Rule and wildcards.
        predicted: Wall time in seconds.
        takes: What it takes while it runs, such as ``{"_cores": 4, "gpu": 1}``.
        needs: Jobs that it waits for.
        ended: Whether an earlier run has done it.
    """

    key: JobKey
    predicted: float
    takes: Mapping[str, float] = field(default_factory=dict)
    needs: frozenset[JobKey] = frozenset()
    ended: bool = False


@dataclass(frozen=True)
class Part:
    """How far a running job is: finished items, items in all, items a second."""

    done: int
    total: int
    rate: float


@dataclass(frozen=True)
class Estimate:
    """Where the run is.

    Attributes:
        fraction: Share of the study's work that is done, 0 to 1; it never falls.
        seconds_left: Wall time until the last job ends.
        done: Jobs that have ended well, also those of earlier runs.
        total: Jobs in all.
    """

    fraction: float
    seconds_left: float
    done: int
    total: int


class StudyWork:
    """Follows the jobs of a run.

    Args:
        tasks: Every job of the study, also those that need not run.
        capacity: What all jobs together may take, by name; a name that is missing is not limited.
    """

    def __init__(self, tasks: Iterable[Task], capacity: Mapping[str, float]) -> None:
        self._tasks = {task.key: task for task in tasks}
        self._capacity = dict(capacity)
        self._before = {key for key, task in self._tasks.items() if task.ended}
        self._started: dict[JobKey, float] = {}
        self._resumed: dict[JobKey, float] = {}
        self._measured: dict[JobKey, float] = {}
        self._failed: set[JobKey] = set()
        self._fraction = 0.0

    def start(self, key: JobKey, now: float) -> None:
        """A job begins, perhaps once more after it failed."""
        if key in self._tasks:
            self._failed.discard(key)
            self._resumed.pop(key, None)
            self._started[key] = now

    def end(self, key: JobKey, now: float) -> None:
        """A job has ended well."""
        if key in self._tasks:
            self._measured[key] = now - self._started.pop(key, now)

    def fail(self, key: JobKey) -> None:
        """A job has failed: neither it nor what needs it will be done, unless it is started again."""
        if key in self._tasks:
            self._started.pop(key, None)
            self._failed.add(key)

    def predict(self, seconds: Mapping[JobKey, float]) -> None:
        """Take other predictions of the wall time, in seconds, of every job."""
        self._tasks = {key: replace(task, predicted=seconds[key]) for key, task in self._tasks.items()}
        self._fraction = 0.0

    def started(self, key: JobKey, now: float) -> float:
        """When a running job began; ``now`` for one that does not run."""
        return self._started.get(key, now)

    @property
    def failed(self) -> frozenset[JobKey]:
        """The jobs that failed and were not started again."""
        return frozenset(self._failed)

    @property
    def n_lost(self) -> int:
        """How many jobs will not run because one that they need failed."""
        return len(self._lost()) - len(self._failed)

    @property
    def complete(self) -> bool:
        """Whether every job has ended well."""
        return self._n_done == len(self._tasks)

    @property
    def seconds_predicted(self) -> float:
        """Wall time of what has to run, as predicted before anything was measured."""
        steps = {
            key: Step(task.predicted, task.takes, task.needs)
            for key, task in self._tasks.items()
            if key not in self._before
        }
        return _end(lay_out(steps, self._capacity))

    @property
    def to_run(self) -> int:
        """How many jobs this run began with."""
        return len(self._tasks) - len(self._before)

    @property
    def _n_done(self) -> int:
        return len(self._before) + len(self._measured)

    def estimate(self, now: float, parts: Mapping[JobKey, Part] | None = None) -> Estimate:
        """Say where the run is.

        Args:
            now: The time, by the clock that :meth:`start` was given.
            parts: How far running jobs are, of those that say so.
        """
        parts = parts or {}
        for key in self._started.keys() & parts.keys():
            self._note_resumed(key, parts[key], now)
        lost = self._lost()
        ratios = _Ratios(self._tasks, self._whole(now, parts))
        spent, steps = 0.0, {}
        for key, task in self._tasks.items():
            if key in self._before:
                spent += task.predicted
            elif key in self._measured:
                spent += self._measured[key]
            elif key not in lost:
                expected = task.predicted * ratios.of(task)
                left = expected
                if key in self._started:
                    elapsed = now - self._started[key]
                    spent += elapsed + self._resumed.get(key, 0.0) * expected
                    left = self._left(key, expected, elapsed, parts.get(key))
                steps[key] = Step(left, task.takes, task.needs)
        left = sum(step.seconds for step in steps.values())
        whole = spent + left
        if steps:
            # Not quite all until everything has ended; and what was said once is not taken back.
            self._fraction = max(self._fraction, min(spent / whole if whole else 0.0, 0.999))
        else:
            self._fraction = 1.0
        seconds = _end(lay_out(steps, self._capacity, self._started.keys() & steps.keys()))
        return Estimate(self._fraction, seconds, self._n_done, len(self._tasks))

    def _note_resumed(self, key: JobKey, part: Part, now: float) -> None:
        """Note what share of a job an earlier run had done, when the job is first heard of."""
        if key not in self._resumed and part.total:
            own = part.rate * (now - self._started[key])
            self._resumed[key] = min(max(0.0, part.done - own) / part.total, 1.0)
            if self._resumed[key] < _RATE_FROM:
                self._resumed[key] = 0.0

    def _whole(self, now: float, parts: Mapping[JobKey, Part]) -> dict[JobKey, float]:
        """What jobs take from their beginning to their end, as far as that is known.

        That is what ended jobs took, not counting those of which we saw the end alone; what running jobs will take by
        their own rate; and what they have taken already, when that is more than was predicted.
        """
        taken = dict(self._measured)
        for key, began in self._started.items():
            part, elapsed = parts.get(key), now - began
            if part is not None and part.rate > 0 and part.done >= _EVIDENCE * part.total > 0:
                taken[key] = elapsed + (part.total - part.done) / part.rate
            elif elapsed > self._tasks[key].predicted * (1.0 - self._resumed.get(key, 0.0)):
                taken[key] = elapsed
        shares = {key: 1.0 - self._resumed.get(key, 0.0) for key in taken}
        return {key: taken[key] / share for key, share in shares.items() if share > 0.1}

    def _left(self, key: JobKey, expected: float, elapsed: float, part: Part | None) -> float:
        if part is not None and part.total and part.rate > 0 and part.done >= _RATE_FROM * part.total:
            return max(0.0, (part.total - part.done) / part.rate)
        rest = expected * (1.0 - self._resumed.get(key, 0.0))
        return max(rest - elapsed, _OVERTIME * elapsed)

    def _lost(self) -> Collection[JobKey]:
        """Jobs that failed, and those that wait for them."""
        lost = set(self._failed)
        while True:
            more = {key for key, task in self._tasks.items() if key not in lost and not lost.isdisjoint(task.needs)}
            more -= self._before | self._measured.keys()
            if not more:
                return lost
            lost |= more


class _Ratios:
    """Measured over predicted time: of each rule, and overall."""

    def __init__(self, tasks: Mapping[JobKey, Task], measured: Mapping[JobKey, float]) -> None:
        rules: dict[str, tuple[float, float]] = {}
        for key, seconds in measured.items():
            taken, predicted = rules.get(key.rule, (0.0, 0.0))
            rules[key.rule] = (taken + seconds, predicted + tasks[key].predicted)
        self._rules = {rule: _clipped(taken / said) for rule, (taken, said) in rules.items() if said > 0}
        weight = _TRUSTED * sum(task.predicted for task in tasks.values())
        taken, said = (sum(pair[place] for pair in rules.values()) for place in (0, 1))
        self._overall = _clipped((taken + weight) / (said + weight)) if weight > 0 else 1.0

    def of(self, task: Task) -> float:
        """The ratio that a job's prediction is multiplied with."""
        return self._rules.get(task.key.rule, self._overall)


def _clipped(ratio: float) -> float:
    return min(max(ratio, _LEAST), _MOST)


def _end(slots: Mapping[JobKey, Slot]) -> float:
    """Seconds until the last job ends."""
    return max((slot.end for slot in slots.values()), default=0.0)
