import fcntl
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from sixgig.runtime import owner
from sixgig.runtime.owner import OWNERS, SNAKEMAKE_LOCKS, OwnerError, Ownership, remove_unfinished
from sixgig.runtime.processes import OWNER, Identity, boot, members, of_token, this_process

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def own_variables(monkeypatch):
    monkeypatch.setenv(OWNER, "")  # set by `take`; put back afterwards


@contextmanager
def python(code, folder):
    """A process that runs some code, and is killed at the end."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield process
        finally:
            process.kill()


RUN = """
    import subprocess, sys, time
    from pathlib import Path
    from sixgig.runtime.owner import Ownership
    ownership = Ownership("s", Path.cwd(), print)
    ownership.take()
    locks = Path(".snakemake/locks")
    locks.mkdir(exist_ok=True)
    (locks / "0.input.lock").write_text("of another workflow")
    ownership.note_locks()
    (locks / "1.input.lock").write_text("")
    (locks / "0.output.lock").write_text("")
    subprocess.Popen(["sleep", "600"])
    print("owns", flush=True)
    time.sleep(600)
"""


def told(root):
    """Return what taking the study of a folder says."""
    sentences = []
    ownership = Ownership("s", root, sentences.append)
    ownership.take()
    ownership.release(finished=False)
    return sentences


def test_a_living_owner_is_named_with_its_process_and_machine(tmp_path):
    with python(RUN, tmp_path) as run:
        assert run.stdout.readline() == "owns\n"
        with pytest.raises(OwnerError, match=rf"process {run.pid} on {socket.gethostname()}, since") as refused:
            told(tmp_path)
        assert refused.value.next_step.endswith(f"kill {run.pid}), then run again")


def test_what_a_dead_owner_left_is_put_in_order_and_nothing_else(tmp_path):
    with python(RUN, tmp_path) as run:
        run.stdout.readline()
        token = json.loads((tmp_path / OWNERS / "s.json").read_text())
        token = Identity(token["boot"], token["pid"], token["began"]).token
        while len(members(token)) < 1:  # the child, which does not hold the owner's file
            time.sleep(0.01)
    half = tmp_path / "results/s/features/.partial-1-vit.npz"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    (sentence, waiting) = told(tmp_path)
    assert sentence.startswith(f"an earlier run was killed (process {run.pid} on {socket.gethostname()}")
    assert waiting == "waiting for its jobs to save their work and end"
    assert members(token) == []
    assert [path.name for path in (tmp_path / SNAKEMAKE_LOCKS).iterdir()] == ["0.input.lock"]
    assert not half.exists()
    assert told(tmp_path) == []


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(owner, "GRACE_SECONDS", -5.0)  # `sleep` saves nothing
    monkeypatch.setattr(owner, "LOOK_SECONDS", 2.0)


def record(tmp_path, **changes):
    process = this_process()
    values = {"study": "s", "host": socket.gethostname(), "boot": process.boot, "pid": process.pid, "since": 0.0}
    path = tmp_path / OWNERS / "s.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**values, "began": process.began, "locks": [], "locked": 0.0, **changes}))
    return path


@pytest.mark.parametrize("changes", [{"began": "1"}, {"boot": "before the machine was started anew"}])
def test_a_number_that_the_kernel_gave_again_is_another_process(tmp_path, changes):
    record(tmp_path, **changes)
    assert "was killed" in told(tmp_path)[0]
    process = this_process()
    assert process.lives
    assert not Identity(process.boot, process.pid, "1").lives


def test_an_owner_on_another_machine_lives_when_it_gives_a_sign(tmp_path):
    path = record(tmp_path, host="elsewhere", boot="of another machine", pid=77)
    code = f"import os, time\nfor _ in range(100):\n    time.sleep(0.1)\n    os.utime({str(path)!r})"
    with python(code, tmp_path), pytest.raises(OwnerError, match="process 77 on elsewhere"):
        told(tmp_path)
    looking, killed = told(tmp_path)
    assert "looking if it lives" in looking
    assert "process 77 on elsewhere" in killed


def test_a_file_that_someone_unknown_holds_is_no_dead_owner(tmp_path):
    path = record(tmp_path)
    path.write_text("")
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(OwnerError, match="is being run by another process"):
            told(tmp_path)


def test_two_studies_of_one_folder_have_two_owners(tmp_path):
    one, two = Ownership("one", tmp_path, print), Ownership("two", tmp_path, print)
    one.take()
    two.take()
    one.release(finished=True)
    two.release(finished=True)
    assert [path.read_text() for path in (tmp_path / OWNERS).iterdir()] == ["", ""]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".snakemake").write_text("a file")
    with pytest.raises(OwnerError, match=r"sixgig/s.json: cannot be written: Not a directory"):
        told(tmp_path)


def test_a_finished_run_takes_away_the_records_of_dead_jobs(tmp_path):
    running = tmp_path / "results/s/.running"
    running.mkdir(parents=True)
    job = {"rule": "encode_images", "name": "acdc.vit", "pid": 1, "host": "h", "started": 0.0}
    for finished in (False, True):
        (running / "encode_images.acdc.vit.json").write_text(json.dumps(job))
        ownership = Ownership("s", tmp_path, print)
        ownership.take()
        ownership.release(finished)
        assert running.exists() is not finished


def test_unfinished_files_and_folders_are_removed_and_others_stay(tmp_path):
    (tmp_path / "a/.partial-x").mkdir(parents=True)
    (tmp_path / "a/.partial-x/file").write_text("")
    (tmp_path / "a/.partial-file.csv").write_text("")
    (tmp_path / "a/partial.csv").write_text("")
    remove_unfinished(tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["partial.csv"]


def test_shared_memory_of_a_dead_job_is_freed(tmp_path, monkeypatch):
    monkeypatch.setattr(owner, "_MEMORY", tmp_path)
    (tmp_path / "sem.loky-12-abc").write_text("")
    (tmp_path / "sem.loky-123-abc").write_text("")
    (tmp_path / "joblib_memmapping_folder_12_abc").mkdir()
    owner._free_shared_memory(12)
    assert [path.name for path in tmp_path.iterdir()] == ["sem.loky-123-abc"]


def test_a_token_names_its_process():
    process = this_process()
    assert of_token(process.token) == process
    assert process.boot == boot()
    assert of_token("") is None
