"""One update of the weights: rate, decay, average, accumulation, clipping, mixed precision."""

import math

import numpy as np
import pytest
import torch

from sixgig.mim.geometry import Shape
from sixgig.mim.optimisation import NotFiniteError, Optimisation, average_decay, decay_groups, learning_rate
from tests.unit.mim.tiny_mim import (
    IMAGES,
    SHAPE,
    VOLUMES,
    accumulated,
    batch_of,
    gradient,
    network,
    run,
    settings,
    weights,
)

RATES = {"steps": 110, "warmup_steps": 10, "learning_rate": 1e-3, "minimum_learning_rate": 1e-4}


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


@pytest.mark.parametrize(
    ("objective", "geometry"), [("mae", VOLUMES), ("simmim", IMAGES)], ids=["mae-volumes", "simmim-images"]
)
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


class Overflowing(torch.amp.GradScaler):
    """Scales so far that every gradient overflows, until it has backed off once."""

    def __init__(self):
        super().__init__("cpu", init_scale=2.0**127, backoff_factor=2.0**-60)

    def scale(self, outputs):
        return super().scale(outputs) * (2.0**20 if self.get_scale() > 2.0**100 else 1.0)


def test_an_overflow_skips_the_step_and_halves_the_scale(tmp_path):
    scaler = Overflowing()
    optimisation = accumulated(settings(ema=0.9), scaler)
    before, average = weights(optimisation.network), torch.cat([a.flatten() for a in optimisation._average.values()])
    update = optimisation.update(1e-2)
    assert update.skipped
    assert math.isinf(update.gradient_norm) or math.isnan(update.gradient_norm)
    assert torch.equal(weights(optimisation.network), before)
    assert torch.equal(torch.cat([a.flatten() for a in optimisation._average.values()]), average)
    assert optimisation.updates == 0
    assert scaler.get_scale() < 2.0**68

    scaler = Overflowing()
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
