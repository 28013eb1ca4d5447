"""Trainings that are killed for good (SIGKILL, in a process of their own) and end like one that was not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sixgig.errors import ArmError
from sixgig.mim.crops import VolumeCrops
from sixgig.mim.geometry import Geometry
from sixgig.mim.training import train
from sixgig.training.checkpoints import CheckpointStore
from tests.unit.mim.tiny_mim import IMAGES, VOLUMES, network, no_report, settings, sources

ROOT = Path(__file__).resolve().parents[3]
STEPS = 9
CASES = {
    "mae of volumes with an average": (VOLUMES, {"objective": "mae", "ema": 0.9, "micro_batch_size": 3}),
    "simmim of images": (IMAGES, {"objective": "simmim"}),
}


def run(folder, geometry, changes, report=no_report, data=None):
    chosen = settings(**{"steps": STEPS, "checkpoint_seconds": 0} | changes)
    net = network(chosen.objective, geometry)
    facts = train(net, *(data or sources(geometry)), chosen, "cpu", CheckpointStore(folder), report)
    return net.state_dict(), facts


def run_and_die(folder, case, place):
    """Runs in the process to be killed.

    ``place`` is ``step``: the seventh step is done and not saved; or ``checkpoint``: half of its checkpoint is written.
    """
    from sixgig.mim import tensor_files

    def die_at_step(event):
        if place == "step" and event.get("step") == 7 and event["event"] == "step":
            os.kill(os.getpid(), signal.SIGKILL)

    whole_write = tensor_files._write

    def write(target, number, part):
        whole_write(target, number, part)
        if place == "checkpoint" and (Path(folder) / "step-000000006").exists():
            os.kill(os.getpid(), signal.SIGKILL)

    tensor_files._write = write
    run(Path(folder), *CASES[case], report=die_at_step)


@pytest.fixture(
    scope="module", params=[(case, place) for case, place in zip(CASES, ("step", "checkpoint"), strict=True)]
)
def killed(request, tmp_path_factory):
    """A case, the folder of a training that was killed in its seventh step, and an uninterrupted training's end."""
    case, place = request.param
    root = tmp_path_factory.mktemp("killed")
    code = f"from {__name__} import run_and_die; run_and_die({str(root / 'killed')!r}, {case!r}, {place!r})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in sorted((root / "killed").glob("step-*"))] == ["step-000000005", "step-000000006"]
    assert bool(list((root / "killed").glob(".partial-*"))) == (place == "checkpoint")
    return CASES[case], root / "killed", run(root / "whole", *CASES[case])


def copy(folder, target):
    import shutil

    return Path(shutil.copytree(folder, target))


def assert_same_end(ended, whole):
    (state, facts), (whole_state, whole_facts) = ended, whole
    assert list(state) == list(whole_state)
    assert all(torch.equal(state[name], tensor) for name, tensor in whole_state.items())
    for name in ("history", "heldout_loss", "reconstruction", "steps"):
        assert facts[name] == whole_facts[name]


def test_a_killed_training_ends_bit_for_bit_like_one_that_was_not(killed, tmp_path):
    case, folder, whole = killed
    ended = run(copy(folder, tmp_path / "c"), *case)
    assert ended[1]["resumed_at"] == 6
    assert ended[1]["notes"] == []
    assert_same_end(ended, whole)


@pytest.mark.parametrize("name", ["tensors-000.pt", "optimisation.json", "state.json"])
def test_it_does_so_after_its_newest_checkpoint_was_damaged(killed, tmp_path, name):
    case, folder, whole = killed
    copied = copy(folder, tmp_path / "c")
    damaged = copied / "step-000000006" / name
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(content)
    ended = run(copied, *case)
    assert ended[1]["resumed_at"] == 5
    assert ended[1]["notes"] == [
        f"checkpoint step-000000006 is damaged ({name} has changed since it was written) and was removed"
    ]
    assert_same_end(ended, whole)


def test_it_begins_again_when_no_checkpoint_is_left(killed, tmp_path):
    case, folder, whole = killed
    copied = copy(folder, tmp_path / "c")
    for checkpoint in copied.glob("step-*"):
        (checkpoint / "manifest.json").unlink()
    ended = run(copied, *case)
    assert ended[1]["resumed_at"] is None
    assert ended[1]["notes"][-1] == "no intact checkpoint is left: training begins again"
    assert_same_end(ended, whole)


def test_a_training_that_has_ended_is_only_measured_again(tmp_path):
    case = CASES["mae of volumes with an average"]
    whole = run(tmp_path, *case)
    events = []
    again = run(tmp_path, *case, report=events.append)
    assert again[1]["resumed_at"] == STEPS
    assert not [event for event in events if event["event"] == "step"]
    assert_same_end(again, whole)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(folder, VOLUMES, {})
    return folder


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 2e-2}, r"learning_rate \(0.01 there\)$"),
        ({"seed": 4}, r"seed \(3 there\)$"),
        ({"ema": 0.9}, r"ema \(0.0 there\)$"),
        ({"objective": "simmim"}, r"objective \(mae there\), network$"),
    ],
)
def test_checkpoints_of_other_settings_are_refused(finished, changes, named):
    with pytest.raises(ArmError) as caught:
        run(finished, VOLUMES, changes)
    assert caught.value.place == str(finished)
    assert caught.match("its checkpoints are of another configuration: ")
    with pytest.raises(ArmError, match=f"configuration: {named[:-1]}\n"):
        run(finished, VOLUMES, changes)
    assert caught.value.next_step == "use another folder, or remove this one to train from the start"


def test_checkpoints_of_other_items_or_another_geometry_are_refused(finished):
    source, evaluation = sources()
    other = VolumeCrops(source._array, range(3), VOLUMES.crop, seed=5)
    with pytest.raises(ArmError, match="configuration: training items\n"):
        run(finished, VOLUMES, {}, data=(other, evaluation))
    with pytest.raises(ArmError, match="configuration: evaluation items\n"):
        run(finished, VOLUMES, {}, data=(source, other))
    with pytest.raises(ArmError, match="configuration: geometry, network\n"):
        run(finished, Geometry((8, 8, 8), (4, 4, 8), 2), {})


def test_what_the_ladder_changes_is_no_other_configuration(finished):
    changes = {"micro_batch_size": 1, "gradient_checkpointing": True, "precision": "float16", "checkpoint_seconds": 9.0}
    assert run(finished, VOLUMES, changes)[1]["resumed_at"] == STEPS
