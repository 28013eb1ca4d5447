import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixgig.runtime.progress import Progress
from sixgig.runtime.running import killed_jobs, recorded, running_jobs


def test_a_job_is_seen_while_it_runs_with_its_progress(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "encode_images" / "acdc.vit_pure.log"
    with recorded(log):
        with Progress("encode acdc vit_pure", 10, "images") as progress:
            progress.advance(4)
        (job,) = running_jobs(tmp_path)
        assert (job.rule, job.name, job.pid, job.done, job.total) == (
            "encode_images",
            "acdc.vit_pure",
            os.getpid(),
            4,
            10,
        )
        assert job.seconds_left is not None
        assert not killed_jobs(tmp_path)
    assert not running_jobs(tmp_path)
    assert not list((tmp_path / ".running").iterdir())


def test_a_killed_job_is_known_as_such(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path

import pytest
from sixgig.runtime.running import recorded
with recorded(Path({str(tmp_path / "logs" / "score_predictions.log")!r})):
    print("in", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        assert [job.pid for job in running_jobs(tmp_path)] == [process.pid]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not running_jobs(tmp_path)
    assert [(job.rule, job.name) for job in killed_jobs(tmp_path)] == [("score_predictions", "")]


def test_seconds_left_need_a_rate(tmp_path: Path) -> None:
    with recorded(tmp_path / "logs" / "report.log"):
        (job,) = running_jobs(tmp_path)
        assert job.seconds_left is None
        assert job.updated <= time.time()


def test_a_job_waits_for_the_same_job_of_a_run_that_was_killed(tmp_path: Path) -> None:
    """It does not fail: the other one is saving its work, and ends."""
    log = tmp_path / "logs" / "encode_images" / "acdc.vit_pure.log"
    code = f"""
from pathlib import Path

import pytest
from sixgig.runtime.running import recorded
with recorded(Path({str(log)!r})):
    print("in", flush=True)
    {{}}
"""
    commands = [[sys.executable, "-c", code.format(rest)] for rest in ("input()", "pass")]
    with subprocess.Popen(commands[0], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdout.readline()
        with subprocess.Popen(commands[1], stdout=subprocess.PIPE, text=True) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1.0)
            assert [job.pid for job in running_jobs(tmp_path)] == [first.pid]
            first.stdin.write("\n")
            first.stdin.close()
            assert second.stdout is not None
            assert second.stdout.readline() == "in\n"
        assert second.returncode == 0
    assert not list((tmp_path / ".running").iterdir())
