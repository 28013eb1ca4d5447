"""A clock that jumps, and a laptop that sleeps, change no duration, no time-out and no decision."""

import ast
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.progress import Progress
from sixgig.sources import http

PACKAGE = Path(__file__).resolve().parents[3] / "sixgig"
#: What reads the clock on the wall: to show it to people, to stamp records, or to compare it with another machine's.
STAMPS = {
    "command/doctor/software.py": "how old results are, for people",
    "command/doctor/examine.py": "how old its own process is, in seconds",
    "command/monitor_state.py": "what is shown now",
    "forecast/planning.py": "when a study would end",
    "reporting/tracked_card.py": "MLflow's time stamps",
    "reporting/tracked_trainings.py": "MLflow's time stamps",
    "reporting/tracking.py": "MLflow's time stamps",
    "runtime/owner.py": "since when a study has an owner, for people",
    "runtime/running.py": "since when a job runs, for people",
    "sources/http.py": "a server's date, with a limit on the wait",
    "telling/handler.py": "what is shown now",
    "tracking/live.py": "MLflow's time stamps",
}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def test_nothing_else_reads_the_clock_on_the_wall():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node).removeprefix("datetime.datetime.") in CLOCKS:
                found.add(str(path.relative_to(PACKAGE)))
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                assert {alias.name for alias in node.names} <= {"monotonic", "perf_counter", "sleep"}, path
    assert found <= STAMPS.keys(), "durations and time-outs need time.monotonic or time.perf_counter"


@pytest.fixture
def jumping(monkeypatch):
    """A clock on the wall that goes back a day whenever it is read."""
    real, read = time.time, []
    monkeypatch.setattr(time, "time", lambda: read.append(None) or real() - 86400 * len(read))
    return read


def test_what_a_job_took_does_not_depend_on_the_clock_on_the_wall(jumping):
    with CostMeter("encode") as meter:
        time.time()
        time.sleep(0.02)
    assert 0.02 <= meter.seconds < 60
    assert 0 < meter.cost(n_images=4).images_per_second <= 200


def test_rates_and_time_left_survive_a_jump(jumping, monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr("sixgig.runtime.progress.time.perf_counter", lambda: float(next(ticks)))
    with Progress("encode", 4) as progress:
        progress.advance()
        time.time()
        progress.advance()
        assert progress.line(4.0).startswith("[encode] 2 of 4 images, 0.5/s, 4 s left")


@pytest.mark.skipif(sys.platform != "linux", reason="what counts sleep differs between systems")
def test_what_is_measured_and_waited_for_leaves_sleep_out():
    # CLOCK_BOOTTIME would count the hours in which a laptop is shut; CLOCK_MONOTONIC does not.
    for name in ("perf_counter", "monotonic"):
        assert time.get_clock_info(name).implementation == "clock_gettime(CLOCK_MONOTONIC)"
        assert not time.get_clock_info(name).adjustable
    assert subprocess._time is time.monotonic


def test_a_server_whose_clock_is_years_ahead_is_not_waited_for(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(http.time, "sleep", slept.append)
    wait = http._retry_after(formatdate(time.time() + 10 * 365 * 86400, usegmt=True))
    assert wait > 3e8

    def broken(*_args):
        raise http._BrokenError("the server answers 503", wait)

    monkeypatch.setattr(http, "_attempt", broken)
    patience = http.Patience(attempts=3, longest=7.0)
    with pytest.raises(Exception, match="could not be fetched in 3 attempts"):
        http._fetch_part("http://x", tmp_path / "part", patience, 1e9)
    assert slept == [7.0, 7.0]
