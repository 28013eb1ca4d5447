import errno
import math

import numpy as np
import pytest
import torch
from tiny_mim import IMAGES, SHAPE, VOLUMES, network, no_report, settings, sources
from torch import nn

from sixgig.contrastive.checkpoints import CheckpointStore
from sixgig.errors import ArmError
from sixgig.mim import batches, training
from sixgig.mim.batches import micro_batches, read_ahead
from sixgig.mim.geometry import Shape
from sixgig.mim.masking import masked_count
from sixgig.mim.optimisation import (
    NotFiniteError,
    Optimisation,
    average_decay,
    decay_groups,
    explain,
    learning_rate,
)
from sixgig.mim.tensor_files import read_tensors, write_tensors
from sixgig.mim.training import train

RATES = {"steps": 110, "warmup_steps": 10, "learning_rate": 1e-3, "minimum_learning_rate": 1e-4}


def run(folder, report=no_report, net=None, geometry=VOLUMES, scaler=None, data=None, **changes):
    chosen = settings(**changes)
    net = network(chosen.objective, geometry) if net is None else net
    items = sources(geometry) if data is None else data
    return net, train(net, *items, geometry, chosen, "cpu", CheckpointStore(folder), report, scaler)


def batch_of(chosen, step=0):
    parts = [part for part, _ in micro_batches(sources()[0], VOLUMES, chosen, step, pin=False)]
    return parts[: math.ceil(chosen.batch_size / chosen.micro_batch)]


def accumulated(chosen, scaler=None):
    optimisation = Optimisation(network(), chosen, "cpu", scaler)
    for x, visible, masked, share, _ in batch_of(chosen):
        optimisation.accumulate(x, visible, masked, share)
    return optimisation


def gradient(optimisation):
    return torch.cat([p.grad.flatten() for p in optimisation.network.parameters()])


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


# schedule, groups, average


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 1e-4), (4, 5e-4), (9, 1e-3), (10, 1e-3), (109, 1e-4), (59.5, 5.5e-4), (34.75, 8.6819805e-4)]
)
def test_the_rate_warms_up_and_falls_along_a_cosine(step, rate):
    assert learning_rate(step, settings(**RATES)) == pytest.approx(rate, rel=1e-6)


def test_the_rate_can_be_constant_and_begin_without_warm_up():
    constant = settings(**RATES | {"minimum_learning_rate": 1e-3, "warmup_steps": 0})
    assert {learning_rate(step, constant) for step in range(110)} == {1e-3}
    assert learning_rate(0, settings(steps=1, warmup_steps=0)) == pytest.approx(settings().learning_rate)


@pytest.mark.parametrize("objective", ["mae", "simmim"])
def test_only_matrices_of_layers_decay(objective):
    shape = Shape(**vars(SHAPE) | {"class_token": True, "register_tokens": 2, "layer_scale": True})
    net = network(objective, shape=shape)
    decayed, free = decay_groups(net, 0.05)
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)
    names = {id(p): name for name, p in net.named_parameters()}
    groups = [[names[id(p)] for p in group["params"]] for group in (decayed, free)]
    assert sorted(groups[0] + groups[1]) == sorted(names.values())
    assert all(name.endswith(".weight") and "norm" not in name for name in groups[0])
    assert all(p.ndim == 2 for p in decayed["params"])
    expected_free = {"encoder.positions", "encoder.prefix", "mask_token", "encoder.norm.weight", "head.bias"}
    assert expected_free <= set(groups[1])
    assert not any(name.endswith(".weight") and "norm" not in name for name in groups[1])


def test_decay_shrinks_matrices_and_nothing_else():
    chosen = settings(weight_decay=0.5)
    net = network()
    optimisation = Optimisation(net, chosen, "cpu")
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimisation._loss = torch.tensor(1.0)
    optimisation.update(0.1)
    for name, p in net.named_parameters():
        matrix = name.endswith(".weight") and "norm" not in name
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if matrix else 1.0), rtol=1e-6, atol=0)


def test_the_average_follows_its_formula():
    chosen = settings(ema=0.6)
    optimisation = Optimisation(network(), chosen, "cpu")
    expected = weights(optimisation.network)
    for step, keep in enumerate((2 / 11, 3 / 12, 4 / 13)):
        for x, visible, masked, share, _ in batch_of(chosen, step):
            optimisation.accumulate(x, visible, masked, share)
        optimisation.update(1e-2)
        expected = keep * expected + (1 - keep) * weights(optimisation.network)
    assert not torch.allclose(expected, weights(optimisation.network), rtol=1e-3)
    optimisation.use_average()
    torch.testing.assert_close(weights(optimisation.network), expected)


def test_the_average_starts_fast_and_keeps_to_its_decay():
    assert [average_decay(0.9, k) for k in (1, 2, 1000)] == [2 / 11, 3 / 12, 0.9]


def test_trained_weights_are_the_average_when_there_is_one(tmp_path):
    raw, _ = run(tmp_path / "raw")
    averaged, facts = run(tmp_path / "averaged", ema=0.9)
    assert not torch.equal(weights(raw), weights(averaged))
    assert [row[2] for row in facts["history"]] == [row[2] for row in run(tmp_path / "again")[1]["history"]]


# gradient


@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_give_the_gradient_of_the_batch(micro):
    whole, parts = (accumulated(settings(batch_size=5, micro_batch_size=size)) for size in (0, micro))
    error = (gradient(parts) - gradient(whole)).norm() / gradient(whole).norm()
    assert error < 1e-6
    assert float(parts._loss) == pytest.approx(float(whole._loss), rel=1e-6)


@pytest.mark.parametrize("objective", ["mae", "simmim"])
@pytest.mark.parametrize("geometry", [VOLUMES, IMAGES], ids=["volumes", "images"])
def test_a_training_does_not_depend_on_the_micro_batch_or_on_checkpointing(tmp_path, objective, geometry):
    whole, facts = run(tmp_path / "0", geometry=geometry, objective=objective)
    for name, changes in (("1", {"micro_batch_size": 3}), ("2", {"gradient_checkpointing": True})):
        other, other_facts = run(tmp_path / name, geometry=geometry, objective=objective, **changes)
        np.testing.assert_allclose(
            [row[2] for row in other_facts["history"]], [row[2] for row in facts["history"]], rtol=1e-4
        )
        assert float((weights(whole) - weights(other)).norm() / weights(whole).norm()) < 1e-3


class Scaler:
    """Stands in for a gradient scaler: writes down what is called, and sees the gradients that are applied."""

    def __init__(self, scale=8.0):
        self.factor, self.calls, self.applied = scale, [], []

    def is_enabled(self):
        return True

    def get_scale(self):
        return self.factor

    def scale(self, loss):
        self.calls.append("scale")
        return loss * self.factor

    def unscale_(self, optimiser):
        self.calls.append("unscale")
        self._each(optimiser, lambda gradient: gradient.div_(self.factor))

    def step(self, optimiser):
        self.calls.append("step")
        self._each(optimiser, lambda gradient: self.applied.append(gradient.clone().flatten()))

    def update(self):
        self.calls.append("update")

    def state_dict(self):
        return {"scale": self.factor}

    def load_state_dict(self, state):
        self.factor = state["scale"]

    @staticmethod
    def _each(optimiser, action):
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    action(parameter.grad)


def test_gradients_are_clipped_to_their_norm_after_unscaling():
    scaler = Scaler()
    update = accumulated(settings(clip=0.01), scaler).update(1e-3)
    unscaled = float(gradient(accumulated(settings())).norm())
    assert update.gradient_norm == pytest.approx(unscaled, rel=1e-5)
    assert unscaled > 0.1
    assert float(torch.cat(scaler.applied).norm()) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("clip", [0.0, 1e6])
def test_small_gradients_and_no_limit_leave_gradients_alone(clip):
    scaler = Scaler()
    update = accumulated(settings(clip=clip), scaler).update(1e-3)
    assert float(torch.cat(scaler.applied).norm()) == pytest.approx(update.gradient_norm, rel=1e-6)


# mixed precision


def test_the_scaler_is_called_in_order():
    scaler = Scaler()
    accumulated(settings(micro_batch_size=2), scaler).update(1e-3)
    assert scaler.calls == ["scale", "scale", "unscale", "step", "update"]


def test_a_scale_changes_neither_loss_nor_weights(tmp_path):
    plain, facts = run(tmp_path / "plain")
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    scaled, scaled_facts = run(tmp_path / "scaled", scaler=scaler)
    assert scaled_facts["skipped_steps"] == 0
    np.testing.assert_allclose(
        [row[2] for row in scaled_facts["history"]], [row[2] for row in facts["history"]], rtol=1e-5
    )
    torch.testing.assert_close(weights(plain), weights(scaled), rtol=1e-4, atol=1e-5)


def test_an_overflow_skips_the_step_and_halves_the_scale(tmp_path):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127 * 1.5, backoff_factor=2.0**-60)
    optimisation = accumulated(settings(ema=0.9), scaler)
    before, average = weights(optimisation.network), torch.cat([a.flatten() for a in optimisation._average.values()])
    update = optimisation.update(1e-2)
    assert update.skipped
    assert math.isinf(update.gradient_norm) or math.isnan(update.gradient_norm)
    assert torch.equal(weights(optimisation.network), before)
    assert torch.equal(torch.cat([a.flatten() for a in optimisation._average.values()]), average)
    assert optimisation.updates == 0
    assert scaler.get_scale() < 2.0**68

    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127 * 1.5, backoff_factor=2.0**-60)
    _, facts = run(tmp_path, scaler=scaler)
    assert facts["skipped_steps"] == 1
    assert facts["notes"] == ["float16 gradients overflowed in 1 of 10 steps, which were skipped"]


def test_gradients_that_no_scale_can_mend_end_the_training():
    optimisation = accumulated(settings(), Scaler(scale=1.0))
    next(optimisation.network.parameters()).grad.fill_(float("inf"))
    with pytest.raises(NotFiniteError, match="the norm of the gradient is inf"):
        optimisation.update(1e-3)


def test_the_scale_survives_a_kill(tmp_path):
    class KilledError(Exception):
        pass

    def kill(event):
        if event["event"] == "step" and event["step"] == 6:
            raise KilledError

    def scaler():
        return torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)

    whole, whole_facts = run(tmp_path / "whole", scaler=scaler())
    with pytest.raises(KilledError):
        run(tmp_path / "killed", report=kill, scaler=scaler(), checkpoint_seconds=0)
    last = scaler()
    resumed, facts = run(tmp_path / "killed", scaler=last)
    assert facts["resumed_at"] == 5
    assert torch.equal(weights(whole), weights(resumed))
    assert facts["history"] == whole_facts["history"]
    assert last.get_scale() == 2.0**15  # doubled every second step, also those before the kill


@pytest.mark.parametrize(
    ("device", "precision", "enabled"),
    [("cpu", "float16", False), ("cuda", "float16", True), ("cuda", "bfloat16", False), ("cuda", "float32", False)],
)
def test_only_float16_on_a_gpu_is_scaled(monkeypatch, device, precision, enabled):
    made = []

    def scaler(device, enabled):
        made.append((device, enabled))
        return Scaler()

    monkeypatch.setattr(torch.amp, "GradScaler", scaler)
    Optimisation(network(), settings(precision=precision), device)
    assert made == [(device, enabled)]


@pytest.mark.parametrize(("device", "expected"), [("cpu", False), ("cuda", True)])
def test_only_a_gpu_computes_in_mixed_precision(monkeypatch, device, expected):
    contexts = []

    class Context:
        def __init__(self, kind, dtype, enabled):
            contexts.append((kind, dtype, enabled))

        def __enter__(self):
            pass

        def __exit__(self, *exc_info):
            pass

    monkeypatch.setattr(torch, "autocast", Context)
    chosen = settings(precision="bfloat16")
    optimisation = Optimisation(network(), chosen, device)
    part = batch_of(chosen)[0]
    optimisation.accumulate(*part[:4])
    assert contexts == [(device, torch.bfloat16, expected)]


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
    monkeypatch.setattr(batches, "perf_counter", lambda: next(clock))
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

    def report(event):
        if event["event"] == "checkpoint":
            saved.append(event["step"])

    chosen = settings(steps=60, batch_size=1, evaluation_items=1, checkpoint_seconds=seconds)
    train(network(), *sources(), VOLUMES, chosen, "cpu", store, report)
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


def test_a_disk_that_is_full_is_an_error_of_the_arm(tmp_path, monkeypatch):
    def full(folder, tensors):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(training, "write_tensors", full)
    with pytest.raises(ArmError, match="the checkpoint of step 0 cannot be written: No space left on device"):
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
