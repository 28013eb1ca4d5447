"""A small workflow with jobs that save their work: who owns it, and what is left when it is killed."""

import os
import signal
import sys
import time

import pytest
from conftest import ROOT
from terminal import Run

from sixgig.runtime.processes import members
from sixgig.runtime.running import running_jobs

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from functools import partial
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.script import PythonScript
from sixgig.runtime.supervision import supervise
from sixgig.runtime.warm.starts import warm_starts

if workflow.is_main_process:
    supervise(workflow, JobScheduler, "s", partial(warm_starts, PythonScript, bool))

rule all:
    input: expand("results/s/out/{{n}}.txt", n=range(2))

rule work:
    output: "results/s/out/{{n}}.txt"
    log: "results/s/logs/work/{{n}}.log"
    script: "work.py"
"""
#: Counts until a file says that it is enough, with a child; what is counted is saved when the job is told to end.
WORK = """
import os, subprocess, sys, time
from pathlib import Path
from sixgig.runtime.checkpoints import checkpoint_folder, drop
from sixgig.runtime.jobs import job
from sixgig.runtime.stopping import asked, leave_if_asked, saving

with job(snakemake.log[0]):
    output = Path(snakemake.output[0])
    code = "from sixgig.runtime.stopping import end_with_parent as e; e({}); import time; time.sleep(600)"
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, "-c", code.format(os.getpid())], env=variables)
    state = checkpoint_folder(Path("results/s/.checkpoints"), f"work-{snakemake.wildcards.n}", {}) / "state"
    begin = int(state.read_text()) if state.exists() else 0
    print("begins at", begin, flush=True)
    output.write_text("half")
    count = begin
    with saving():
        while not Path("enough").exists():
            time.sleep(0.05)
            count += 1
            if asked():
                state.write_text(str(count))
                leave_if_asked()
    child.kill()
    output.write_text("whole")
    drop(state.parent)
"""
#: As it is typed, with no profile and no option about locks or unfinished files.
COMMAND = [sys.executable, "-m", "snakemake", "--workflow-profile", "none", "--cores", "2"]


@pytest.fixture
def started(tmp_path):
    """A run with two jobs that are at work."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "work.py").write_text(WORK)
    with Run(COMMAND, tmp_path, tmp_path / "first.log", "s") as run:
        deadline = time.monotonic() + 120
        while begins(tmp_path) != [0, 0] and time.monotonic() < deadline:
            run.look_for(0.05)
        run.look_for(0.5)
        yield run


def begins(folder):
    texts = [path.read_text() for path in sorted((folder / "results/s/logs/work").glob("*.log"))]
    return [int(text.split("begins at ")[1].split()[0]) for text in texts if "begins at " in text]


def again(folder, *options):
    with Run([*COMMAND, *options], folder, folder / "again.log", "s") as run:
        return run.wait(), run.output


CODES = {"main": 137, "group": 137, "SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129}


@pytest.mark.parametrize("kind", CODES)
def test_the_same_command_goes_on_after_a_kill_with_nothing_done_by_hand(started, tmp_path, kind):
    token = started.owner()
    while len(members(token)) < 4:  # two jobs with a child each
        started.look_for(0.05)
    started.kill(kind)
    if kind == "SIGTERM":
        started.look_for(0.05)
        started.process.send_signal(signal.SIGTERM)
    assert started.wait() == CODES[kind]
    if kind in ("main", "group"):
        assert (tmp_path / ".snakemake/locks").exists()
    else:  # the jobs have ended before the main process
        assert members(token) == []
        assert not (tmp_path / ".snakemake/locks").exists()
    (tmp_path / "enough").touch()
    code, output = again(tmp_path)
    assert code == 0, output
    assert members(token) == []
    if kind != "group":  # the jobs had time to save their work
        assert min(begins(tmp_path)) > 0
    assert ("an earlier run was killed" in output) == (kind in ("main", "group"))
    assert {path.read_text() for path in (tmp_path / "results/s/out").iterdir()} == {"whole"}
    for left in (".snakemake/locks", "results/s/.running", "results/s/.checkpoints"):
        assert not (tmp_path / left).exists(), left


def test_a_living_owner_is_named_and_a_dry_run_disturbs_nobody(started, tmp_path):
    code, output = again(tmp_path)
    assert code == 1
    assert f"study s: is being run by process {started.process.pid} on " in output
    assert f"kill {started.process.pid}), then run again" in output
    assert "Traceback" not in output
    assert "supervision.py" not in output
    assert again(tmp_path, "-n")[0] == 0
    assert len(running_jobs(tmp_path / "results/s")) == 2
    started.kill("group")


def test_a_job_that_is_killed_alone_fails_the_run_and_the_next_one_finishes(started, tmp_path):
    job = running_jobs(tmp_path / "results/s")[0]
    os.kill(job.pid, signal.SIGKILL)
    (tmp_path / "enough").touch()
    assert started.wait() == 1
    code, output = again(tmp_path)
    assert code == 0, output
    assert not (tmp_path / "results/s/.running").exists()
