"""Checkpoints appear whole, are checked when read, and fall back to older ones."""

import json
import multiprocessing
import os
import signal

import pytest

from sixgig.errors import TrainingError
from sixgig.runtime.faults import DiskFullError
from sixgig.training.checkpoints import CheckpointStore


def writer(text):
    return lambda folder: (folder / "weights").write_text(text)


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints")


def steps_in(store):
    return sorted(path.name for path in store.folder.iterdir())


def latest(folder):
    """Step, state and weights that a new process finds, and the notes."""
    store, seen = CheckpointStore(folder), []
    found = store.latest(lambda path, state: seen.append((path / "weights").read_text()))
    return found, seen, store.notes


def test_nothing_is_found_in_an_empty_folder(store):
    assert latest(store.folder) == (None, [], [])


def test_the_newest_comes_back_and_two_are_kept(store):
    for step in (3, 9, 10, 100):
        store.save(step, {"history": [step]}, writer(f"weights {step}"))
    assert steps_in(store) == ["step-000000010", "step-000000100"]
    assert latest(store.folder) == ((100, {"history": [100]}), ["weights 100"], [])


def test_saving_a_step_again_replaces_it(store):
    store.save(5, {}, writer("old"))
    store.save(5, {}, writer("new"))
    assert latest(store.folder) == ((5, {}), ["new"], [])


def truncate(folder):
    (folder / "weights").write_text("weig")


def flip(folder):
    (folder / "state.json").write_text(json.dumps({"history": [7]}))


def remove(folder):
    (folder / "weights").unlink()


def garble(folder):
    (folder / "manifest.json").write_bytes(b"\0\xff\xfe")


def empty(folder):
    (folder / "manifest.json").write_text("[]")


def another_step(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"step": 2', '"step": 3'))


def add(folder):
    (folder / "more").write_text("of nowhere")


@pytest.mark.parametrize("damage", [truncate, flip, remove, garble, empty, another_step, add])
def test_a_damaged_one_falls_back_to_the_one_before(store, damage):
    for step in (1, 2):
        store.save(step, {"history": [step]}, writer(f"weights {step}"))
    damage(store.folder / "step-000000002")
    found, seen, notes = latest(store.folder)
    assert (found, seen) == ((1, {"history": [1]}), ["weights 1"])
    assert len(notes) == 1
    assert notes[0].startswith("checkpoint step-000000002 is damaged (")
    # Left there, it would count as the newest, and the next save would remove the intact one.
    assert steps_in(store) == ["step-000000001"]


def test_only_damaged_ones_are_none(store):
    store.save(1, {}, writer("weights"))
    truncate(store.folder / "step-000000001")
    found, seen, notes = latest(store.folder)
    assert (found, seen) == (None, [])
    assert "weights has changed since it was written" in notes[0]


def refuse(step):
    def restore(folder, state):
        if folder.name == f"step-{step:09d}":
            raise TrainingError(folder, "of another network", "remove it")

    return restore


def test_one_that_cannot_be_restored_falls_back_too(store):
    for step in (1, 2):
        store.save(step, {}, writer("weights"))
    assert store.latest(refuse(2)) == (1, {})
    assert store.notes == ["step-000000002 could not be restored (of another network): tried the one before"]


def test_nothing_is_trained_over_weights_that_were_half_restored(store):
    store.save(2, {}, writer("weights"))
    with pytest.raises(TrainingError, match="of another network"):
        store.latest(refuse(2))


def test_a_writer_that_fails_leaves_the_older_ones(store):
    store.save(1, {}, writer("weights 1"))

    def full(folder):
        (folder / "weights").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError, match=r"step 2: cannot be written: No space left on device; .* free there"):
        store.save(2, {}, full)
    assert steps_in(store) == ["step-000000001"]
    assert latest(store.folder)[0] == (1, {})


def _killed_while_writing(folder):
    def write(path):
        (path / "weights").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    CheckpointStore(folder).save(2, {}, write)


def test_what_a_killed_process_left_is_ignored_and_removed(store):
    store.save(1, {}, writer("weights 1"))
    process = multiprocessing.get_context("spawn").Process(target=_killed_while_writing, args=(store.folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(steps_in(store)) == 2
    assert latest(store.folder)[:2] == ((1, {}), ["weights 1"])
    store.save(2, {}, writer("weights 2"))
    assert steps_in(store) == ["step-000000001", "step-000000002"]
