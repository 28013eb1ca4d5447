"""The real TensorFlow process: killed, its checkpoints damaged, its parent gone, its loss not a number."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.training.checkpoints import CheckpointStore
from sixgig.weights.export import export_vit
from tests.unit.contrastive.tiny_contrastive import SETTINGS as TINY

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = TINY._replace(
    steps=20, local_steps=10, learning_rate=3e-4, warmup_steps=3, micro_batch_size=6, threads=2, evidence_batches=1
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"}
# A parent that can be killed: it says which process it started, and waits.
PARENT = "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Weights, images and pools of 5 + 5 subjects: one volume each, two slices in each of two partitions."""
    folder = tmp_path_factory.mktemp("inputs")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = VisionTransformer(img_size=28, patch_size=4, embed_dim=24, depth=1, num_heads=2, num_classes=0)
    network.pretrained_cfg = {"architecture": "tiny"}
    write_arrays(folder / "weights.npz", *export_vit(network, (0.5,) * 3, (0.25,) * 3))
    random = np.random.RandomState(0)
    images = random.randint(0, 120, (40, 28, 28, 3)).astype(np.uint8)
    images[np.arange(40) % 4 >= 2, 7:14, 7:14] += 120
    np.save(folder / "images.npy", images)
    row = np.arange(40)
    pool = {"row": row, "subject": row // 4, "volume": row // 4, "partition": row % 4 // 2}
    pools = {f"{role}_{name}": value[part] for name, value in pool.items()
             for role, part in (("pretraining", slice(0, 20)), ("evaluation", slice(20, 40)))}  # fmt: skip
    write_arrays(folder / "pools.npz", pools, {})
    return folder


def job_in(folder, inputs, **changes):
    """Write a job whose outputs lie in ``folder``; returns the options of the command."""
    folder.mkdir(exist_ok=True)
    job = {
        "settings": SETTINGS._replace(**changes).as_dict(),
        "weights": str(inputs / "weights.npz"),
        "pools": str(inputs / "pools.npz"),
        "images": str(inputs / "images.npy"),
        "checkpoints": str(folder / "checkpoints"),
        "output": str(folder / "trained.npz"),
        "handover": str(folder / "handover.npz"),
        "facts": str(folder / "facts.json"),
        "use_gpu": False,
        "memory_fraction": 1.0,
    }
    (folder / "job.json").write_text(json.dumps(job))
    return ["-m", "sixgig.contrastive", "train", "--job", str(folder / "job.json")]


class Run:
    """A started process and the events it has sent."""

    def __init__(self, folder, command):
        self._log = (folder / "log").open("a")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=self._log, env=ENVIRONMENT, text=True
        )
        self.events = []

    def until(self, kind, step):
        """Read events up to one of a kind and a step."""
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == kind and self.events[-1].get("step") == step:
                return self
        raise AssertionError(f"ended before {kind} {step}: {self.events[-1:]}, {Path(self._log.name).read_text()}")

    def end(self):
        """Read the remaining events; returns the exit code."""
        with self.process, self._log:
            self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.returncode

    def of_kind(self, kind):
        return [event for event in self.events if event["event"] == kind]


def has_ended(process, seconds=60):
    """Whether a process of another parent is gone, or waits for that parent, within some seconds."""
    status = Path(f"/proc/{process}/status")
    for _ in range(10 * seconds):
        try:
            if "State:\tZ" in status.read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.1)
    return False


def finished(folder):
    """Trained arrays and facts of a run that came to its end."""
    return read_arrays(folder / "trained.npz")[0], json.loads((folder / "facts.json").read_text())


def assert_same(found, wanted):
    for name, value in wanted[0].items():
        assert np.array_equal(found[0][name], value), name
    for name in ("history", "heldout_loss", "local_heldout_loss", "evidence", "loss", "steps"):
        assert found[1][name] == wanted[1][name], name


@pytest.fixture(scope="module")
def whole(tensorflow1, inputs, tmp_path_factory):
    """A training that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run = Run(folder, [tensorflow1, *job_in(folder, inputs)])
    assert run.end() == 0, (folder / "log").read_text()
    return run, finished(folder)


@pytest.fixture(scope="module")
def killed(tensorflow1, inputs, tmp_path_factory):
    """The folder of a training that was killed (-9) in its second stage."""
    folder = tmp_path_factory.mktemp("killed")
    run = Run(folder, [tensorflow1, *job_in(folder, inputs)]).until("checkpoint", 23)
    os.kill(run.process.pid, signal.SIGKILL)
    assert run.end() == -signal.SIGKILL
    assert not (folder / "facts.json").exists()
    return folder


def test_the_process_trains_and_says_what_it_is(whole):
    run, (arrays, facts) = whole
    assert run.events[0]["event"] == "phase"
    assert run.events[0]["text"].startswith("Python 3.")
    assert "TensorFlow 1.15" in run.events[0]["text"]
    assert [event["step"] for event in run.of_kind("step")] == list(range(1, 31))
    assert [event["step"] for event in run.of_kind("checkpoint")] == list(range(31))
    assert (facts["backend"], facts["device"], facts["dtype"]) == ("tensorflow1", "cpu", "float32")
    assert facts["version"].startswith("1.15.")
    losses = [row[2] for row in facts["history"]]
    assert np.mean(losses[15:20]) < 0.95 * np.mean(losses[:5])
    assert np.mean(losses[25:]) < np.mean(losses[20:25])
    assert all(np.isfinite(value).all() for value in arrays.values())


def test_killed_and_resumed_equals_uninterrupted_to_the_bit(tensorflow1, whole, killed, inputs, tmp_path):
    folder = tmp_path / "resumed"
    shutil.copytree(killed / "checkpoints", folder / "checkpoints")
    run = Run(folder, [tensorflow1, *job_in(folder, inputs)])
    assert run.end() == 0, (folder / "log").read_text()
    found = finished(folder)
    resumed_at = found[1]["resumed_at"]
    assert resumed_at >= 23
    assert [event["step"] for event in run.of_kind("step")] == list(range(resumed_at + 1, 31))
    assert_same(found, whole[1])


def test_told_to_end_it_saves_the_step_that_it_is_at(tensorflow1, whole, inputs, tmp_path):
    rarely = {"checkpoint_seconds": 1000.0}
    run = Run(tmp_path / "told", [tensorflow1, *job_in(tmp_path / "told", inputs, **rarely)]).until("step", 4)
    run.process.terminate()
    assert run.end() == 143
    last = run.of_kind("step")[-1]["step"]
    assert [event["step"] for event in run.of_kind("checkpoint")] == [0, last]
    run = Run(tmp_path / "told", [tensorflow1, *job_in(tmp_path / "told", inputs, **rarely)])
    assert run.end() == 0, (tmp_path / "told/log").read_text()
    found = finished(tmp_path / "told")
    assert found[1]["resumed_at"] == last
    assert_same(found, whole[1])


def test_a_damaged_checkpoint_and_a_killed_parent_change_nothing(tensorflow1, whole, killed, inputs, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(killed / "checkpoints", folder / "checkpoints")
    before, newest = sorted((folder / "checkpoints").glob("step-*"))
    (data,) = newest.glob("training.data-*")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])

    # The parent is killed, not the process: it has to end by itself, and closes the pipe when it does.
    run = Run(folder, [sys.executable, "-c", PARENT, tensorflow1, *job_in(folder, inputs)])
    child = int(run.process.stdout.readline())
    first = int(before.name.split("-")[1]) + 1
    run.until("step", first)
    os.kill(run.process.pid, signal.SIGKILL)
    assert run.end() == -signal.SIGKILL
    assert has_ended(child)
    assert not (folder / "facts.json").exists()
    (note,) = run.of_kind("note")
    assert f"checkpoint {newest.name} is damaged ({data.name} has changed" in note["text"]

    run = Run(folder, [tensorflow1, *job_in(folder, inputs)])
    assert run.end() == 0, (folder / "log").read_text()
    assert run.of_kind("note") == []
    assert_same(finished(folder), whole[1])


def test_a_loss_that_is_not_a_number_ends_with_exit_code_3(tensorflow1, inputs, tmp_path):
    job = job_in(tmp_path, inputs, learning_rate=1e30, warmup_steps=0, local_steps=0)
    run = Run(tmp_path, [tensorflow1, *job])
    assert run.end() == 3, (tmp_path / "log").read_text()
    error = run.events[-1]
    assert (error["event"], error["kind"]) == ("error", "NotFiniteError")
    failed = int(error["place"].split()[1])
    assert error["place"] == f"step {failed} of 20 (global stage)"
    assert f"the checkpoint of step {failed - 1} is kept" in error["next_step"]
    assert [event["step"] for event in run.of_kind("step")] == list(range(1, failed))
    step, state = CheckpointStore(tmp_path / "checkpoints").latest(lambda folder, state: None)
    assert step == failed - 1
    assert np.isfinite([row[2] for row in state["progress"]["history"]]).all()


def test_a_job_that_cannot_be_read_is_an_error_event(tensorflow1, tmp_path):
    (tmp_path / "job.json").write_text('{"settings": {}, "weight": "weights.npz"}')
    run = Run(tmp_path, [tensorflow1, "-m", "sixgig.contrastive", "train", "--job", tmp_path / "job.json"])
    assert run.end() == 3
    (error,) = run.events
    assert error["kind"] == "TrainingError"
    kind, names = error["reason"].split(": ")
    assert kind == "missing, unknown or of another type"
    assert {"checkpoints", "facts", "images", "weight", "weights"} <= set(names.split(", "))
    assert "settings" not in names.split(", ")


def checked(python, folder):
    """Check an environment; returns the exit code, the facts written and what people read."""
    command = [python, "-m", "sixgig.contrastive", "check", "--output", folder / "facts.json", "--log", folder / "log"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    return done.returncode, json.loads((folder / "facts.json").read_text()), done.stdout


def test_the_environment_is_checked(tensorflow1, tmp_path):
    code, facts, told = checked(tensorflow1, tmp_path)
    assert (code, facts["usable"], facts["device"]) == (0, True, "cpu")
    assert facts["versions"]["tensorflow"].startswith("1.15.")
    assert f"Python {facts['versions']['python']}, TensorFlow 1.15." in told


def test_an_environment_that_cannot_be_used_says_why_in_the_file_and_the_log(tmp_path):
    code, facts, told = checked(sys.executable, tmp_path)
    assert (code, facts["usable"]) == (3, False)
    assert "has no TensorFlow 1.15" in facts["reason"]
    assert not Path(facts["place"]).is_absolute()  # the file is shared with the results
    assert Path(facts["place"]).name == Path(sys.executable).name
    for text in (told, (tmp_path / "log").read_text()):
        assert facts["reason"] in text
        assert facts["next_step"] in text


# Stands in for the part of the command that needs TensorFlow.
STUB = """
import sys
from sixgig.contrastive import __main__ as command
from sixgig.contrastive.backend import OutOfMemoryError

def train(job, settings, store, report):
    {}

command._train_alone = train
sys.exit(command.main(sys.argv[1:]))
"""


def stubbed(folder, inputs, body, **streams):
    job = job_in(folder, inputs, micro_batch_size=4)
    command = [sys.executable, "-c", STUB.format(body), *job[2:]]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, **streams)


def test_a_full_gpu_ends_with_exit_code_4(inputs, tmp_path):
    body = "raise OutOfMemoryError('GPU memory', 'OOM when allocating', 'pass fewer')"
    with stubbed(tmp_path, inputs, body) as process:
        event = json.loads(process.stdout.read())
    assert process.returncode == 4
    assert event == {"event": "out_of_memory", "micro_batch_size": 4, "text": "OOM when allocating"}


def test_only_events_reach_standard_output(inputs, tmp_path):
    body = "print('from Python'); import os; os.write(1, b'from C'); report({'event': 'note', 'text': 'told'})"
    with stubbed(tmp_path, inputs, body, stderr=subprocess.PIPE) as process:
        told, rest = process.stdout.read(), process.stderr.read()
    assert (process.returncode, json.loads(told)) == (0, {"event": "note", "text": "told"})
    assert "from Python" in rest
    assert "from C" in rest


def test_a_process_whose_events_nobody_reads_ends(inputs, tmp_path):
    body = "import time\n    while True: report({'event': 'note', 'text': 'x'}); time.sleep(0.01)"
    process = stubbed(tmp_path, inputs, body, stderr=subprocess.DEVNULL)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 5
