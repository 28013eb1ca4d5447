"""Follows a run of Snakemake through its logger and tells people, on the terminal and in a file, where it is."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sixgig.forecast.base import JobKey
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.progress import REPORT_IS_NAMED, STUDY_LINE
from sixgig.runtime.running import running_jobs
from sixgig.telling import status_file
from sixgig.telling.closing import closing_lines
from sixgig.telling.ending import Ending, end_lines
from sixgig.telling.hook import run_hook
from sixgig.telling.lines import Pace, clock, in_words, opening_line, status_line
from sixgig.telling.quiet import Quiet
from sixgig.telling.snakemake_jobs import Jobs, predicted_seconds
from sixgig.telling.work import Part, StudyWork

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

_LOOK_SECONDS = 5.0
#: A forecast that takes longer comes while jobs run already.
_FORECAST_SECONDS = 10.0
#: What Snakemake says when a signal ends the run: jobs that end then have not failed.
_STOPPING = ("Terminating processes on user request", "Cancelling snakemake on user request")


def follow_study(workflow: Any, plan: Plan) -> None:
    """Let a run of Snakemake be followed; not a dry run, not in a job, and not as a module of another workflow.

    Args:
        workflow: Snakemake's workflow, while the Snakefile is read.
        plan: The study.
    """
    settings = workflow.output_settings
    ours = Path(workflow.main_snakefile).resolve() == (WORKFLOW / "Snakefile").resolve()
    if not workflow.is_main_process or settings.dryrun or not ours:
        return
    detailed = settings.verbose or settings.printshellcmds or settings.debug_dag
    logger = logging.getLogger("snakemake.logging")
    stream: TextIO | None = None
    for handler in logger.handlers:
        if isinstance(handler, Teller):  # the Snakefile was read twice in one process
            return
        if handler.name == "DefaultStreamHandler":
            stream = getattr(handler, "stream", sys.stderr)
            if not detailed:
                handler.addFilter(Quiet())
    silent = "all" in {str(getattr(entry, "name", entry)).lower() for entry in settings.quiet or ()}
    if not detailed:
        os.environ[STUDY_LINE] = "yes"  # jobs need not say themselves how far they are
    logger.addHandler(Teller(plan, workflow, None if silent else stream))


class Teller(logging.Handler):
    """Receives Snakemake's events; see :func:`follow_study`.

    Whatever goes wrong in it is told once and stops the telling, never the run.

    Args:
        plan: The study.
        workflow: Snakemake's workflow.
        stream: Where lines go; None to write none.
        predict: Returns the predicted seconds of a study's jobs.
    """

    def __init__(
        self,
        plan: Plan,
        workflow: Any,
        stream: TextIO | None,
        predict: Callable[[Plan], dict[JobKey, float]] = predicted_seconds,
    ) -> None:
        super().__init__(logging.INFO)
        self._plan, self._workflow, self._stream, self._predict = plan, workflow, stream, predict
        self._folder = Path(f"results/{plan.study}")
        self._work: StudyWork | None = None
        self._jobs: Jobs | None = None
        self._known, self._last = False, 0.0
        self._began, self._since, self._predicted = 0.0, 0.0, 0.0
        self._forecasted: dict[JobKey, float] = {}
        self._state, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._logs: dict[JobKey, str] = {}
        self._ended, self._stopped = False, False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one event."""
        event = str(getattr(record, "event", None) or "")
        try:
            if str(record.msg).startswith(_STOPPING):
                self._stopped = True
            if event == "run_info" and self._work is None and not self._workflow.touch:
                self._begin()
            elif self._work is not None and not self._stopped and event in ("job_started", "job_finished", "job_error"):
                self._note(event, record)
            elif str(record.msg).startswith("Nothing to be done"):
                self._say_report()
        except Exception as error:
            self._give_up(error)

    def close(self) -> None:
        """The run is over, however it ended."""
        try:
            self._end()
        except Exception as error:
            self._give_up(error)
        super().close()

    def _begin(self) -> None:
        self._jobs = Jobs.of(self._workflow)
        self._work = self._jobs.work()
        self._began, self._since = time.time(), time.monotonic()
        forecast = threading.Thread(target=self._forecast, name="sixgig forecast", daemon=True)
        forecast.start()
        forecast.join(_FORECAST_SECONDS)
        self._began, self._since = time.time(), time.monotonic()
        if not self._adopt_forecast():
            self._open()
        self._thread = threading.Thread(target=self._watch, name="sixgig progress", daemon=True)
        self._thread.start()

    def _forecast(self) -> None:
        """Predict the seconds of all jobs; when that cannot be done, say so."""
        try:
            self._forecasted = self._predict(self._plan)
        except Exception as error:
            self._write(f"[sixgig] no forecast of the times ({type(error).__name__}: {error}): progress counts jobs")

    def _adopt_forecast(self) -> bool:
        """Go by the forecast once it is there; return whether it has come just now."""
        assert self._work is not None
        assert self._jobs is not None
        if self._known or not self._forecasted:
            return False
        with self._state:
            self._work.predict(self._jobs.predicted(self._forecasted))
            self._known, self._predicted = True, self._work.seconds_predicted
        self._open()
        return True

    def _open(self) -> None:
        assert self._work is not None
        assert self._jobs is not None
        now, cores = time.time(), self._jobs.capacity.get("_cores")
        with self._state:
            estimate = self._work.estimate(time.monotonic())
        self._last = estimate.fraction
        left = self._work.to_run - (estimate.done - len(self._jobs.ended))
        self._write(opening_line(now, estimate, left, int(cores) if cores else None, self._known))

    def _note(self, event: str, record: logging.LogRecord) -> None:
        assert self._work is not None
        assert self._jobs is not None
        now = time.monotonic()  # the clock on the wall may jump
        with self._state:
            if event == "job_started":
                for number in getattr(record, "jobs", ()):
                    if number in self._jobs.keys:
                        self._work.start(self._jobs.keys[number], now)
                return
            number = getattr(record, "job_id" if event == "job_finished" else "jobid", -1)
            if number not in self._jobs.keys:
                return
            key = self._jobs.keys[number]
            if event == "job_finished":
                self._work.end(key, now)
                return
            took = now - self._work.started(key, now)
            self._work.fail(key)
            again, told = self._jobs.is_tried_again(number), key in self._logs
            self._logs[key] = ", ".join(str(log).split(" ")[0] for log in getattr(record, "log", ()))
        name = " ".join(filter(None, (key.rule, key.name)))
        if not (again and told):  # a job that failed for good is tried too, and ends at once
            tried = ", tried again" if again else ""
            self._write(f"[{clock(time.time())}] failed after {in_words(took)}{tried}: {name}; see {self._logs[key]}")

    def _watch(self) -> None:
        pace = Pace(time.monotonic())
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                self._look(pace)
            except Exception as error:
                self._give_up(error)
                return

    def _look(self, pace: Pace) -> None:
        assert self._work is not None
        self._adopt_forecast()
        running = running_jobs(self._folder)
        parts = {JobKey(job.rule, job.name): Part(job.done, job.total, job.rate) for job in running if job.total}
        now = time.time()
        with self._state:
            estimate = self._work.estimate(time.monotonic(), parts)
        self._last = estimate.fraction
        status_file.write(self._folder, self._began, now, estimate, self._known)
        share = estimate.fraction if self._known else estimate.done / max(estimate.total, 1)
        if pace.due(time.monotonic(), share):
            # The job that keeps the others waiting first: that with most still to do.
            running.sort(key=lambda job: -(job.seconds_left or 0.0))
            self._write(status_line(now, estimate, running, self._known))

    def _end(self) -> None:
        if self._work is None or self._ended:
            return
        self._ended = True
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * _LOOK_SECONDS)
        status_file.remove(self._folder)
        with self._state:
            stopped = self._stopped or isinstance(sys.exc_info()[1], KeyboardInterrupt | SystemExit)
            done = "failed" if self._work.failed and not stopped else "stopped"
            outcome = "finished" if self._work.complete else done
            failed = {key: self._logs.get(key, "") for key in sorted(self._work.failed, key=str)}
            lost = self._work.n_lost
        ending = Ending.of(self._plan, outcome, time.monotonic() - self._since, self._predicted, failed, lost)
        for line in end_lines(ending, time.time(), self._last if self._known else None):
            self._write(line)
        if outcome == "finished":
            self._say_report()
        trouble = run_hook(self._plan.config["hooks"], ending, self._folder / "logs" / "hook.log")
        if trouble:
            self._write(f"[sixgig] {trouble}")

    def _say_report(self) -> None:
        if REPORT_IS_NAMED not in os.environ:
            for line in closing_lines(self._folder):
                self._write(line)

    def _give_up(self, error: Exception) -> None:
        """Telling has failed: say so once, and leave the run alone."""
        self._stop.set()
        self._work, was = None, self._work
        if was is not None or self._jobs is None:
            self._write(f"[sixgig] progress is no longer shown ({type(error).__name__}: {error}); the run goes on")
        self._jobs = self._jobs or Jobs({}, frozenset(), {}, {}, {})

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone
            self._stream = None
