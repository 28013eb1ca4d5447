"""Jobs on another machine than their run's main process: when they leave."""

import json
import os
import threading

import pytest

from sixgig.runtime import orphans
from sixgig.runtime.owner import Ownership
from sixgig.runtime.processes import OWNER, OWNERS, Identity, this_process

ELSEWHERE = Identity("another-machine", 4711, "123")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A working directory whose study is owned by a process of another machine, to which this one belongs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OWNER, ELSEWHERE.token)
    (tmp_path / OWNERS).mkdir(parents=True)
    owned_by(tmp_path, ELSEWHERE)
    return tmp_path


def owned_by(root, process):
    values = {"boot": process.boot, "pid": process.pid, "began": process.began, "study": "s"}
    (root / OWNERS / "s.json").write_bytes(json.dumps(values).encode().ljust(4096))


def gone(root):
    return orphans.orphaned("s", root, doubt_seconds=0.0)


def test_a_job_stays_while_its_run_owns_the_study(root):
    assert not gone(root)
    (root / OWNERS / "s.json").write_bytes(b'{"boot": "anot')  # being written
    assert not gone(root)
    (root / OWNERS / "s.json").unlink()  # a file system that is away
    assert not gone(root)


def test_a_job_is_an_orphan_when_the_study_was_given_back_or_taken_by_another_run(root):
    owned_by(root, Identity("another-machine", 4712, "124"))
    assert gone(root)
    (root / OWNERS / "s.json").write_bytes(b"")
    assert gone(root)


def test_what_an_owner_writes_is_what_a_job_reads(root, monkeypatch):
    owner = Ownership("s", root, print)
    owner._look = lambda earlier: None  # another machine's: no need to watch it for a sign of life
    owner.take()
    token = owner.token
    monkeypatch.setattr("sixgig.runtime.processes.boot", lambda: "this-node")  # as a node sees it
    monkeypatch.setenv(OWNER, token)
    assert not gone(root)
    owner.release(finished=True)
    assert gone(root)


def test_on_the_machine_of_its_run_the_process_counts(root, monkeypatch):
    (root / OWNERS / "s.json").write_bytes(b"")
    monkeypatch.setenv(OWNER, this_process().token)
    assert not gone(root)
    monkeypatch.setenv(OWNER, Identity(this_process().boot, os.getpid(), "1").token)
    assert gone(root)
    monkeypatch.delenv(OWNER)
    assert not gone(root)


def test_a_job_that_runs_is_told(root, monkeypatch):
    monkeypatch.setattr(orphans, "DOUBT_SECONDS", 0.0)
    monkeypatch.setattr(orphans.orphaned, "__defaults__", (root, 0.0))
    told = threading.Event()
    orphans.when_orphaned("s", told.set, look_seconds=0.01)
    assert not told.wait(0.1)
    (root / OWNERS / "s.json").write_bytes(b"")
    assert told.wait(10)
