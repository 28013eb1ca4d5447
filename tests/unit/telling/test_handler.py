import io
import json
import logging
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sixgig.forecast.base import JobKey
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.progress import REPORT_IS_NAMED, STUDY_LINE
from sixgig.telling import handler as module
from sixgig.telling import status_file
from sixgig.telling.handler import Teller, follow_study

A, B, C = JobKey("encode_images", "acdc.a"), JobKey("encode_images", "acdc.b"), JobKey("write_report", "")


class SnakemakeJob:
    """As much of a job of Snakemake's as is read."""

    def __init__(self, number, rule, name, **resources):
        self.number = number
        self.log = (
            [f"results/night/logs/{rule}/{name}.log" if name else f"results/night/logs/{rule}.log"] if rule else []
        )
        self.resources = {"_cores": 1, "mlflow": "on", **resources}


class Dag:
    """As much of Snakemake's graph as is read: a, b, and the report that needs both; rule all has no log."""

    def __init__(self, ended=()):
        a, b = SnakemakeJob(1, "encode_images", "acdc.a", gpu=1), SnakemakeJob(2, "encode_images", "acdc.b", gpu=1)
        c, whole = SnakemakeJob(3, "write_report", ""), SnakemakeJob(0, "", "")
        self.jobs = [a, b, c, whole]
        self.dependencies = {a: {}, b: {}, c: {a: {"x"}, b: {"y"}}, whole: {c: {"z"}}}
        self._ended = ended

    def needrun_jobs(self, exclude_finished):
        return [job for job in self.jobs if job.number not in self._ended]

    def jobid(self, job):
        return job.number


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it has not come")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Begins a run; returns what it writes, and a function that hands events to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(STUDY_LINE, raising=False)
    monkeypatch.delenv(REPORT_IS_NAMED, raising=False)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.02)
    tellers = []

    def begin(predict=lambda plan: {A: 60.0, B: 60.0, C: 30.0}, ended=(), hooks=()):
        config = {"hooks": {"finished": list(hooks), "time_limit": 30}}
        plan = SimpleNamespace(
            study="night",
            config=config,
            cohorts=[],
            arm_runs=[],
            method_runs=[],
            fraction_keys=[],
            external_keys=[],
            external_arm_keys=[],
            external_method_keys=[],
        )
        workflow = SimpleNamespace(dag=Dag(ended), touch=False, global_resources={"_cores": 2, "gpu": 1})
        stream = io.StringIO()
        teller = Teller(plan, workflow, stream, predict)
        tellers.append(teller)

        def event(name, level=logging.INFO, text="", **values):
            record = logging.LogRecord("snakemake", level, "", 0, text, (), None)
            vars(record).update(event=name, **values)
            teller.handle(record)

        event("run_info")
        return stream, event, teller

    yield begin
    for teller in tellers:
        teller.close()


def test_a_run_from_its_beginning_to_its_end(run, tmp_path):
    stream, event, teller = run(hooks=["sh", "-c", "cat > ended.json"])
    assert "3 jobs to run on 2 cores, about 2 min: done about " in stream.getvalue()  # one card: 60 + 60 + 30 s
    event("job_started", jobs=[1])
    event("job_finished", job_id=1)
    event("job_started", jobs=[2])
    event("job_finished", job_id=2)
    event("job_started", jobs=[3])
    event("job_finished", job_id=3)
    event("job_finished", job_id=0)
    (tmp_path / "results/night").mkdir(parents=True, exist_ok=True)
    (tmp_path / "results/night/report.html").write_text("")
    teller.close()
    lines = stream.getvalue().splitlines()
    assert lines[-2].endswith("] the study is finished, after 0 s (2 min predicted)")
    assert lines[-1] == "[sixgig] report: results/night/report.html"
    ended = json.loads((tmp_path / "ended.json").read_text())
    assert (ended["outcome"], ended["report"]) == ("finished", "results/night/report.html")
    assert not (tmp_path / "results/night/.running").exists()
    assert stream.getvalue().replace("\n", "").isprintable()  # no control characters


def test_a_failed_job_is_named_with_its_log_at_once_and_at_the_end(run):
    stream, event, teller = run()
    event("job_started", jobs=[1, 2])
    log = "results/night/logs/encode_images/acdc.a.log"
    event("job_error", logging.ERROR, jobid=1, log=[f"{log} (send to storage)"])
    assert stream.getvalue().splitlines()[-1].endswith(f"] failed after 0 s: encode_images acdc.a; see {log}")
    event("job_finished", job_id=2)
    teller.close()
    first, second = stream.getvalue().splitlines()[-2:]
    assert first.endswith("] 1 job failed, 1 that need it did not run; the end after 0 s. What is finished is kept")
    assert second == f"[sixgig] failed: encode_images acdc.a; see {log}"


def test_a_job_that_is_tried_again_has_not_failed(run, tmp_path):
    _, event, teller = run(hooks=["sh", "-c", "cat > ended.json"])
    event("job_started", jobs=[1, 2])
    event("job_error", logging.ERROR, jobid=1, log=["a.log"])
    event("job_started", jobs=[1])
    for number in (1, 2, 3):
        event("job_finished", job_id=number)
    teller.close()
    assert json.loads((tmp_path / "ended.json").read_text())["outcome"] == "finished"


def test_attempts_that_fail_are_two_lines(run):
    stream, event, teller = run()
    job = teller._jobs.jobs[1]
    job.restart_times = 2
    for attempt in (1, 2, 3):
        job.attempt = attempt
        event("job_started", jobs=[1])
        event("job_error", logging.ERROR, jobid=1, log=["a.log"])
    first, second = stream.getvalue().splitlines()[-2:]
    assert first.endswith("] failed after 0 s, tried again: encode_images acdc.a; see a.log")
    assert second.endswith("] failed after 0 s: encode_images acdc.a; see a.log")


def test_jobs_that_end_with_a_stopped_run_have_not_failed(run, tmp_path):
    stream, event, teller = run(hooks=["sh", "-c", "cat > ended.json"])
    event("job_started", jobs=[1])
    event(None, text="Terminating processes on user request, this might take some time.")
    event("job_error", logging.ERROR, jobid=1, log=["a.log"])
    teller.close()
    assert "failed" not in stream.getvalue()
    assert "] stopped after 0 s, at 0% of the work. What is finished is kept" in stream.getvalue()
    assert json.loads((tmp_path / "ended.json").read_text())["outcome"] == "stopped"


def test_what_was_done_before_counts(run):
    stream, _, _ = run(ended=(1,))
    assert "2 jobs to run on 2 cores, about 2 min: done about " in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("| goes on from 40% of the work")  # 60 of 150 s


def broken(plan):
    raise KeyError("no such rule")


def test_a_broken_forecast_breaks_nothing_and_is_told_once(run):
    stream, event, teller = run(predict=broken)
    told = "[sixgig] no forecast of the times (KeyError: 'no such rule'): progress counts jobs"
    assert stream.getvalue().splitlines()[0] == told
    assert "done about" not in stream.getvalue()
    for number in (1, 2, 3):
        event("job_started", jobs=[number])
        event("job_finished", job_id=number)
    teller.close()
    assert stream.getvalue().count("no forecast") == 1
    assert stream.getvalue().splitlines()[-1].endswith("] the study is finished, after 0 s")


def test_a_forecast_that_takes_long_comes_while_jobs_run(run, monkeypatch):
    monkeypatch.setattr(module, "_FORECAST_SECONDS", 0.05)
    come = threading.Event()
    stream, event, _ = run(predict=lambda plan: come.wait() and {A: 60.0, B: 60.0, C: 30.0})
    assert stream.getvalue().endswith("] 3 jobs to run on 2 cores\n")
    event("job_started", jobs=[1])
    event("job_finished", job_id=1)
    come.set()
    until(lambda: "work" in stream.getvalue())
    assert "] 2 jobs to run on 2 cores, about " in stream.getvalue().splitlines()[-1]


def test_a_fault_of_the_telling_is_told_once_and_raises_nothing(run, monkeypatch):
    stream, event, teller = run()
    monkeypatch.setattr(module, "running_jobs", lambda folder: 1 / 0)
    teller._thread.join(20)
    event("job_started", jobs=[1])
    event("job_finished", job_id=1)
    assert stream.getvalue().count("progress is no longer shown (ZeroDivisionError: division by zero)") == 1
    teller.close()


def test_the_status_file_says_where_the_study_is(run):
    _, event, _ = run(ended=(1,))
    event("job_started", jobs=[2])
    until(lambda: status_file.read(Path("results/night")))
    found = status_file.read(Path("results/night"))
    assert 0.4 <= found["fraction"] < 0.5
    assert (found["done"], found["total"]) == (1, 3)
    assert found["finish"] - found["updated"] == pytest.approx(90, abs=2)


def test_a_terminal_that_is_gone_does_not_matter(run):
    stream, event, teller = run()
    stream.close()
    event("job_error", logging.ERROR, jobid=1, log=["a.log"])
    teller.close()


def test_nothing_is_followed_on_a_dry_run_in_a_job_or_as_a_module_of_another_workflow():
    logger = logging.getLogger("snakemake.logging")
    before = list(logger.handlers)
    own, other = str(WORKFLOW / "Snakefile"), "somewhere/Snakefile"
    for main, dry, snakefile in [(True, True, own), (False, False, own), (True, False, other)]:
        settings = SimpleNamespace(dryrun=dry)
        follow_study(SimpleNamespace(is_main_process=main, output_settings=settings, main_snakefile=snakefile), None)
    assert logger.handlers == before


@pytest.mark.parametrize("detailed", [False, True])
def test_jobs_are_silent_unless_details_are_asked_for(monkeypatch, detailed):
    monkeypatch.setenv(STUDY_LINE, "so that it is taken away at the end")
    monkeypatch.delenv(STUDY_LINE)
    stream = logging.StreamHandler(io.StringIO())
    stream.name = "DefaultStreamHandler"
    logger = logging.getLogger("snakemake.logging")
    monkeypatch.setattr(logger, "handlers", [stream])
    settings = SimpleNamespace(
        dryrun=False, verbose=False, printshellcmds=detailed, debug_dag=False, quiet=None, nocolor=True
    )
    plan = SimpleNamespace(study="night")
    snakefile = str(WORKFLOW / "Snakefile")
    follow_study(SimpleNamespace(is_main_process=True, output_settings=settings, main_snakefile=snakefile), plan)
    assert (STUDY_LINE in os.environ, len(stream.filters)) == ((False, 0) if detailed else (True, 1))
    assert [type(handler) for handler in logger.handlers] == [logging.StreamHandler, Teller]
