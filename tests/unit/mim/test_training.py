"""The training loop: trouble, events, reading ahead, checkpoints, files."""

import errno

import numpy as np
import pytest
import torch
from torch import nn

from sixgig.errors import ArmError
from sixgig.mim import optimisation, training
from sixgig.mim.batches import micro_batches
from sixgig.mim.masking import masked_count
from sixgig.mim.optimisation import NotFiniteError, explain, learning_rate
from sixgig.mim.tensor_files import read_tensors, write_tensors
from sixgig.mim.training import train
from sixgig.runtime.faults import DiskFullError
from sixgig.training import reading
from sixgig.training import run as loop
from sixgig.training.checkpoints import CheckpointStore
from sixgig.training.reading import read_ahead
from tests.unit.mim.tiny_mim import (
    IMAGES,
    VOLUMES,
    batch_of,
    network,
    run,
    settings,
    sources,
    weights,
)

# not finite


class Poisoned(nn.Module):
    """Makes the loss NaN at one call in training."""

    def __init__(self, net, at):
        super().__init__()
        net.register_forward_hook(self._poison)
        self.calls, self.at = 0, at

    def _poison(self, net, arguments, output):
        if not net.training:
            return output
        self.calls += 1
        return output._replace(loss=output.loss * float("nan")) if self.calls == self.at else output


def test_a_loss_that_is_nan_names_the_step_and_keeps_the_last_checkpoint(tmp_path):
    net = network()
    Poisoned(net, at=4)
    with pytest.raises(ArmError) as caught:
        run(tmp_path / "nan", net=net, checkpoint_seconds=0)
    assert caught.value.place == "arms.vit_mim.learning_rate"
    assert caught.value.reason == "the loss is nan at step 4 of 10; the checkpoint of step 3 is kept"
    assert "lower arms.vit_mim.learning_rate (0.01)" in caught.value.next_step
    assert all(p.grad is None for p in net.parameters())
    assert torch.isfinite(weights(net)).all()
    whole, _ = run(tmp_path / "whole")
    resumed, facts = run(tmp_path / "nan")
    assert facts["resumed_at"] == 3
    assert torch.equal(weights(whole), weights(resumed))


def test_a_gradient_that_is_nan_is_no_better_than_a_loss(tmp_path):
    net = network()
    net.mask_token.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(ArmError, match="the norm of the gradient is nan at step 1 of 10; the checkpoint of step 0"):
        run(tmp_path, net=net)


def test_voxels_that_are_nan_are_blamed_on_the_data(tmp_path):
    source, evaluation = sources()
    source._array[2] = np.nan
    with pytest.raises(ArmError) as caught:
        run(tmp_path, data=(source, evaluation))
    assert "row 2 of the cohort's array holds values that are not finite" in caught.value.reason


def test_the_way_out_names_what_can_be_changed():
    error = explain(NotFiniteError("the loss is nan"), "step 1", settings(precision="float16", clip=0.0))
    assert error.next_step == (
        "lower arms.vit_mim.learning_rate (0.01), or set arms.vit_mim.precision to bfloat16 or float32, "
        "or set arms.vit_mim.clip to 1"
    )


# the loop


def test_events_and_facts(tmp_path):
    events = []
    _, facts = run(tmp_path, report=events.append, steps=3, warmup_steps=1, checkpoint_seconds=1000)
    assert [event["event"] for event in events] == [
        "phase", "checkpoint", "phase", "step", "step", "step", "checkpoint", "phase",
    ]  # fmt: skip
    steps = [event for event in events if event["event"] == "step"]
    assert [set(event) for event in steps] == [{"event", "step", "steps", "stage", "loss", "learning_rate"}] * 3
    assert facts["history"] == [[e["step"], "mim", e["loss"], e["learning_rate"]] for e in steps]
    assert [row[0] for row in facts["history"]] == [1, 2, 3]
    assert [row[3] for row in facts["history"]] == [
        learning_rate(s, settings(steps=3, warmup_steps=1)) for s in (0, 1, 2)
    ]
    assert (facts["loss"], facts["steps"], facts["resumed_at"], facts["fallbacks"]) == ("mae", 3, None, [])
    assert facts["voxels_per_second"] * facts["seconds_per_step"] == pytest.approx(4 * 8**3)
    assert 0 <= facts["waiting_share"] < 1
    reconstruction = facts["reconstruction"]
    assert reconstruction["items"] == 6
    assert set(reconstruction["before"]) == {"network", "mean_of_visible", "nearest_visible_patch"}
    assert facts["heldout_loss"] == {
        "before": reconstruction["before"]["network"],
        "after": reconstruction["after"]["network"],
        "subjects": "evaluation",
    }
    baselines = ("mean_of_visible", "nearest_visible_patch")
    assert all(reconstruction["before"][name] == reconstruction["after"][name] for name in baselines)


def test_the_loss_of_a_step_is_the_objective_on_its_batch(tmp_path):
    chosen = settings(steps=1, warmup_steps=0)
    _, facts = run(tmp_path, steps=1, warmup_steps=0)
    part = batch_of(chosen)[0]
    assert part.masked.shape == (4, masked_count(VOLUMES.tokens, 0.5))
    with torch.no_grad():
        expected = float(network()(*part[:3]).loss)
    assert facts["history"][0][2] == pytest.approx(expected, rel=1e-6)


def test_gradient_checkpointing_is_switched_on_and_off(tmp_path):
    net, _ = run(tmp_path / "on", gradient_checkpointing=True)
    assert (net.checkpointing, net.encoder.checkpointing) == (True, True)
    run(tmp_path / "off", net=net)
    assert (net.checkpointing, net.encoder.checkpointing) == (False, False)


def test_every_item_of_every_step_has_a_mask_of_its_own():
    parts = [part for part, _ in micro_batches(sources()[0], VOLUMES, settings(), 0, pin=False)]
    masks = torch.cat([part.masked for part in parts])
    assert masks.shape == (40, 4)  # of the 70 there are
    repeated = [torch.equal(part.masked, parts[0].masked) for part in parts[1:]]
    assert not any(repeated)
    assert len({tuple(mask.tolist()) for mask in parts[0].masked}) > 1
    later = next(micro_batches(sources()[0], VOLUMES, settings(), 7, pin=False))[0]
    assert torch.equal(later.masked, parts[7].masked)
    assert torch.equal(later.x, parts[7].x)


def test_masks_and_crops_of_an_item_do_not_depend_on_the_micro_batch():
    whole = batch_of(settings(batch_size=5))[0]
    parts = batch_of(settings(batch_size=5, micro_batch_size=2))
    for ours, theirs in zip(whole[:3], zip(*(part[:3] for part in parts), strict=True), strict=True):
        assert torch.equal(ours, torch.cat(theirs))
    assert [(part.share, part.last) for part in parts] == [(0.4, False), (0.4, False), (0.2, True)]


def test_reading_ahead_keeps_the_order_and_counts_the_time_waited(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 10.5, 20.0, 20.0])
    monkeypatch.setattr(reading, "perf_counter", lambda: next(clock))
    assert list(read_ahead(lambda place: place * place, range(3))) == [(0, 1.0), (1, 0.5), (4, 0.0)]


def test_an_error_while_reading_reaches_the_caller():
    def read(place):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(read_ahead(read, range(3)))


class SlowStore(CheckpointStore):
    """Takes two seconds of a clock of its own for a checkpoint; a step takes one."""

    def __init__(self, folder):
        super().__init__(folder)
        self.now = 0.0

    def save(self, step, state, write):
        super().save(step, state, write)
        self.now += 2

    def monotonic(self):
        return self.now

    def perf_counter(self):
        self.now += 0.5  # asked for twice a step
        return self.now


@pytest.mark.parametrize(("seconds", "expected"), [(50.0, [0, 50, 60]), (5.0, [0, 40, 60]), (0, list(range(61)))])
def test_checkpoints_come_after_their_time_and_take_a_twentieth_at_most(tmp_path, monkeypatch, seconds, expected):
    store, saved = SlowStore(tmp_path), []
    monkeypatch.setattr(training, "time", store)
    monkeypatch.setattr(loop, "time", store)

    def report(event):
        if event["event"] == "checkpoint":
            saved.append(event["step"])

    chosen = settings(steps=60, batch_size=1, evaluation_items=1, checkpoint_seconds=seconds)
    train(network(), *sources(), chosen, "cpu", store, report)
    assert saved == expected


def test_threads_are_set_for_the_training_and_put_back(tmp_path):
    seen, before = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run(tmp_path, report=lambda event: seen.append(torch.get_num_threads()), threads=2)
        assert set(seen) == {2}
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_disk_that_is_full_may_pass(tmp_path, monkeypatch):
    def full(folder, tensors):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(optimisation, "write_tensors", full)
    with pytest.raises(DiskFullError, match="the checkpoint of step 0: cannot be written: No space left on device"):
        run(tmp_path)


def test_out_of_memory_is_left_to_the_caller_and_frees_gradients(tmp_path):
    net = network()

    def full(module, arguments, output):
        if module.training and arguments[0].shape[0] > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    hook = net.register_forward_hook(full)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        run(tmp_path / "small", net=net, micro_batch_size=2)
    assert all(p.grad is None for p in net.parameters())
    _, facts = run(tmp_path / "small", net=net, micro_batch_size=1)  # the ladder's next rung
    hook.remove()
    assert facts["resumed_at"] == 0
    whole, _ = run(tmp_path / "whole", micro_batch_size=1)
    assert torch.equal(weights(net), weights(whole))


def test_items_that_do_not_fit_the_network_are_refused(tmp_path):
    with pytest.raises(ValueError, match="do not fit the network"):
        run(tmp_path, data=sources(IMAGES))


# files


@pytest.mark.parametrize(("part_bytes", "files"), [(1, 3), (100, 2), (10**6, 1)])
def test_tensors_come_back_from_parts(tmp_path, part_bytes, files):
    tensors = {"a": torch.rand(3, 5), "b": torch.rand(20), "c": torch.tensor(7)}
    write_tensors(tmp_path, tensors.items(), part_bytes)
    assert len(list(tmp_path.iterdir())) == files
    read = {name: tensor for part in read_tensors(tmp_path) for name, tensor in part.items()}
    assert list(read) == list(tensors)
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_a_tensor_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"tensors-000.pt cannot be written"):
        write_tensors(tmp_path / "missing", {"a": torch.zeros(1)}.items())
