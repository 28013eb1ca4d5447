"""The launcher of the other environment, with stand-ins for its process that are told how to end."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixgig.arms.vit_contrastive.process import CardFullError, Tensorflow1Process, environment
from sixgig.errors import ArmError, PassingError
from sixgig.gpu.lock import hold_gpu
from sixgig.runtime.faults import MemoryShortError

ERROR = '{"event": "error", "place": "step 7", "reason": "the loss is nan", "next_step": "lower it"}'

SHORT = (
    '{"event": "error", "kind": "MemoryShortError", "place": "this job", "reason": "host memory ran out at 900 MiB",'
    ' "next_step": "close other programs"}'
)


def process(tmp_path, body, events=None):
    """A process whose interpreter is a script that runs ``body`` in Python instead of what it is asked for."""
    script = tmp_path / "body.py"
    script.write_text(body)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    python.chmod(0o755)
    return Tensorflow1Process(str(python), tmp_path, 3, (events if events is not None else []).append)


def test_events_are_reported_and_other_lines_kept_apart(tmp_path):
    events = []
    body = (
        "import json, sys\n"
        "print('WARNING: something')\nprint('[1, 2]')\n"
        "print(json.dumps({'event': 'step', 'step': 1}))\n"
        "assert sys.argv[1:4] == ['-m', 'sixgig.contrastive', 'train'], sys.argv\n"
        "assert json.load(open(sys.argv[5])) == {'settings': {'steps': 4}}\n"
    )
    process(tmp_path, body, events).train({"settings": {"steps": 4}})
    assert events == [{"event": "step", "step": 1}]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (
            f"print({ERROR!r})\nraise SystemExit(3)\n",
            ArmError,
            r"step 7: the loss is nan\n  Next step: lower it",
        ),
        (
            f"print({SHORT!r})\nraise SystemExit(3)\n",
            MemoryShortError,
            r"this job: host memory ran out at 900 MiB\n  Next step: close other programs",
        ),
        ("raise SystemExit(4)\n", CardFullError, ""),
        ("raise SystemExit(1)\n", PassingError, "ended with exit code 1 and gave no reason"),
        ("import os; os.kill(os.getpid(), 9)\n", PassingError, "ended by signal 9 and gave no reason.*last checkpoint"),
    ],
)
def test_every_way_to_end_badly_has_its_error(tmp_path, body, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        process(tmp_path, body).train({})


def test_missing_interpreter(tmp_path):
    missing = Tensorflow1Process(str(tmp_path / "nowhere"), tmp_path, 1, print)
    with pytest.raises(ArmError, match=r"cannot be started: No such file.*\n  Next step: run `make setup`"):
        missing.train({})


def test_the_process_ends_when_its_watcher_fails(tmp_path):
    def stop(event):
        raise KeyboardInterrupt

    body = 'import os, time\nprint(\'{"event": "step", "pid": %d}\' % os.getpid(), flush=True)\ntime.sleep(60)\n'
    child = process(tmp_path, body)
    events = []
    watched = Tensorflow1Process(child.python, child.folder, 1, lambda event: (events.append(event), stop(event)))
    with pytest.raises(KeyboardInterrupt):
        watched.train({})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(events[0]["pid"]):
        time.sleep(0.05)
    assert not _alive(events[0]["pid"])


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("pausing", [False, True])
def test_the_process_is_told_to_end_and_waited_for(tmp_path, pausing):
    """Also while it is stopped, for the card to cool."""
    body = f"""
import signal, sys, time
def save(*_):
    open({str(tmp_path / "saved")!r}, "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print('{{"event": "step", "step": 1}}', flush=True)
time.sleep(600)
"""
    child = process(tmp_path, body)
    pause = "(stop(), print('works', flush=True), time.sleep(1))" if pausing else "print('works', flush=True)"
    code = f"""
import time
from pathlib import Path
from sixgig.arms.vit_contrastive.process import Tensorflow1Process
from sixgig.runtime.stopping import obey_signals
obey_signals()
cool_down = lambda stop, go_on: {pause}
Tensorflow1Process({child.python!r}, Path({str(tmp_path)!r}), 1, print, {{}}, cool_down).train({{}})
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as job:
        while "works" not in job.stdout.readline():
            pass
        job.terminate()
    assert job.returncode == 143
    assert (tmp_path / "saved").exists()


def test_packages_of_this_environment_stay_out(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/here")
    variables = environment(3)
    assert variables["PYTHONPATH"] != "/somewhere"
    assert (variables["PYTHONNOUSERSITE"], variables["OMP_NUM_THREADS"]) == ("1", "3")
    assert not {"PYTHONHOME", "VIRTUAL_ENV"} & variables.keys()
    assert "CUDA_VISIBLE_DEVICES" not in variables.keys() - os.environ.keys()


def test_the_process_holds_the_card_with_its_starter(tmp_path):
    events = []
    body = (
        "import json, os\n"
        "numbers = [int(n) for n in os.environ['SIXGIG_GPU_LOCKS'].split(',') if n]\n"
        "inodes = [os.fstat(n).st_ino for n in numbers]\n"
        "print(json.dumps({'event': 'step', 'inodes': inodes, 'card': os.environ.get('CUDA_VISIBLE_DEVICES')}))\n"
    )
    child = process(tmp_path, body)
    seen = {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    with hold_gpu(tmp_path / "gpu.lock", print):
        Tensorflow1Process(child.python, tmp_path, 1, events.append, seen).train({})
    assert events == [{"event": "step", "inodes": [(tmp_path / "gpu.lock").stat().st_ino], "card": "GPU-1"}]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="states of processes are read from /proc")
def test_the_process_stops_while_the_card_cools(tmp_path):
    states, events = [], []
    body = 'import os\nfor _ in range(2):\n    print(\'{"event": "step", "pid": %d}\' % os.getpid(), flush=True)\n'

    def state(pid):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    def cool_down(pause, go_on):
        if states:
            return
        pause()
        while state(events[0]["pid"]) not in "TZ":
            time.sleep(0.01)
        states.append(state(events[0]["pid"]))
        go_on()

    child = process(tmp_path, body + "import time; time.sleep(0.5)\n")
    Tensorflow1Process(child.python, tmp_path, 1, events.append, {}, cool_down).train({})
    assert states == ["T"]
    assert len(events) == 2
