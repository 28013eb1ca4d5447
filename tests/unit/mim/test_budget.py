"""Predicted memory and arithmetic against what a step really allocates and computes, on a CPU."""

import contextlib
import subprocess
import sys
import weakref
from dataclasses import replace
from math import prod

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from sixgig.mim import budget
from sixgig.mim.budget import CUBLAS_WORKSPACE
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.masking import masked_count, random_masks
from sixgig.mim.network import build_network, set_gradient_checkpointing
from sixgig.mim.settings import Settings

MIB = 1024 * 1024
DEEP = Shape(96, 4, 6, 384, decoder_width=64, decoder_depth=3, decoder_heads=4, decoder_mlp_width=256)
PREFIX = replace(
    DEEP, width=64, heads=4, mlp_width=200, layer_scale=True, class_token=True, register_tokens=2, prefix_positions=True
)
#: Many tokens, an image, and few large patches: attention, blocks and the head dominate in turn.
CASES = {
    "many tokens": (Geometry((32, 32, 32), (4, 4, 4), 2), DEEP, 0.75, 3),
    "image": (Geometry((64, 64), (8, 8), 3), PREFIX, 0.6, 6),
    "large patches": (Geometry((24, 24, 24), (8, 8, 8), 1), DEEP, 0.75, 8),
}
LAPTOP = (Geometry((96, 96, 96), (16, 16, 16), 3), Shape(), 0.75, 4)


def predict(geometry, shape, objective, ratio, n, precision, checkpointing, ema, accumulation=True):
    settings = Settings(
        objective, ratio, 1, n * (1 + accumulation), 1e-3, 0.0, 0, 0.0, 1, 1, micro_batch_size=n,
        ema=0.9 if ema else 0.0, gradient_checkpointing=checkpointing, precision=precision,
    )  # fmt: skip
    return budget.predict(geometry, shape, settings)


each_objective = pytest.mark.parametrize("objective", ["mae", "simmim"])


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that appear and disappear while operators run, and the most at one time."""

    def __init__(self, known):
        super().__init__()
        self.known = {id(tensor.untyped_storage()): tensor for tensor in known}
        self.sizes, self.live, self.peak = {}, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in self.known and id(storage) not in self.sizes:
                    self.sizes[id(storage)] = storage.nbytes()
                    self.live += storage.nbytes()
                    weakref.finalize(storage, self.freed, id(storage))
        self.peak = max(self.peak, self.live)
        return result

    def freed(self, key):
        self.live -= self.sizes.pop(key)


def precision_context(precision):
    return contextlib.nullcontext() if precision == "float32" else torch.autocast("cpu", torch.bfloat16)


def network_and_batch(objective, geometry, shape, ratio, n):
    channels = geometry.channels
    network = build_network(objective, geometry, shape, [0.5] * channels, [0.3] * channels, 0)
    x = torch.zeros(n, channels, *geometry.crop)
    visible, masked = random_masks(n, geometry.tokens, ratio, range(n))
    assert masked.shape[1] == masked_count(geometry.tokens, ratio)
    return network, (x, visible, masked)


def measured_peak(network, batch, precision, accumulation):
    """MiB of weights, gradients and batch, and of everything that a forward and backward pass adds at its worst."""
    if accumulation:
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
    known = [*network.parameters(), *network.buffers(), *batch]
    known += [parameter.grad for parameter in network.parameters() if accumulation]
    with LiveBytes(known) as live:
        with precision_context(precision):
            output = network(*batch)
        output.loss.backward()
    return (sum(tensor.nbytes for tensor in known) + live.peak) / MIB


def comparable(prediction):
    """What of a prediction exists on a CPU: no optimiser here, no cuBLAS, no caching allocator."""
    left_out = prediction.parts["moments"] + prediction.parts["ema"] + prediction.parts["allocator"]
    return prediction.memory_mb - left_out - CUBLAS_WORKSPACE / MIB


@pytest.mark.parametrize(
    ("case", "objective", "precision"),
    [
        ("many tokens", "mae", "float32"),
        ("many tokens", "simmim", "bfloat16"),
        ("image", "mae", "bfloat16"),
        ("image", "simmim", "float32"),
        ("large patches", "mae", "bfloat16"),
        ("large patches", "simmim", "float32"),
    ],
)
def test_activations_are_what_autograd_saves(case, objective, precision):
    geometry, shape, ratio, n = CASES[case]
    network, batch = network_and_batch(objective, geometry, shape, ratio, n)
    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    saved = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), precision_context(precision):
        output = network(*batch)
    measured = sum(size for size, _ in saved.values()) / MIB
    assert output.loss.requires_grad
    parts = predict(geometry, shape, objective, ratio, n, precision, False, False).parts
    assert parts["activations"] + parts["autocast_weights"] == pytest.approx(measured, rel=0.05)


@pytest.mark.parametrize(
    ("case", "objective", "precision", "checkpointing", "accumulation"),
    [
        ("many tokens", "mae", "float32", False, False),
        ("many tokens", "mae", "bfloat16", True, True),
        ("many tokens", "simmim", "bfloat16", False, True),
        ("many tokens", "simmim", "float32", True, False),
        ("image", "mae", "bfloat16", False, False),
        ("image", "simmim", "float32", True, True),
        ("large patches", "mae", "float32", True, True),
        ("large patches", "mae", "bfloat16", False, True),
        ("large patches", "simmim", "bfloat16", True, False),
        ("large patches", "simmim", "float32", False, True),
    ],
)
def test_memory_of_a_step(case, objective, precision, checkpointing, accumulation):
    geometry, shape, ratio, n = CASES[case]
    network, batch = network_and_batch(objective, geometry, shape, ratio, n)
    set_gradient_checkpointing(network, checkpointing)
    measured = measured_peak(network, batch, precision, accumulation)
    predicted = predict(geometry, shape, objective, ratio, n, precision, checkpointing, False, accumulation)
    assert comparable(predicted) == pytest.approx(measured, rel=0.15)


def test_memory_of_one_crop_of_large_patches_is_that_of_the_gradients():
    geometry, shape = Geometry((32, 32, 32), (16, 16, 16), 1), replace(DEEP, depth=1, decoder_depth=1)
    measured = measured_peak(*network_and_batch("mae", geometry, shape, 0.75, 1), "float32", accumulation=False)
    predicted = predict(geometry, shape, "mae", 0.75, 1, "float32", False, False, accumulation=False)
    assert predicted.parts["gradients"] == predicted.parts["weights"]
    assert comparable(predicted) == pytest.approx(measured, rel=0.15)


@each_objective
@pytest.mark.parametrize("checkpointing", [False, True])
def test_memory_of_the_laptop_preset(objective, checkpointing):
    """ViT-B on 96^3 with tensors that have sizes and no content, so that nothing large is allocated."""
    geometry, shape, ratio, n = LAPTOP
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = build_network(objective, geometry, shape, [0.5] * 3, [0.3] * 3, 0)
        masked = masked_count(geometry.tokens, ratio)
        x = torch.zeros(n, 3, *geometry.crop)
        batch = (x, torch.zeros(n, geometry.tokens - masked, dtype=torch.int64),
                 torch.zeros(n, masked, dtype=torch.int64))  # fmt: skip
        set_gradient_checkpointing(network, checkpointing)
        measured = measured_peak(network, batch, "bfloat16", accumulation=True)
    predicted = predict(geometry, shape, objective, ratio, n, "bfloat16", checkpointing, False)
    assert comparable(predicted) == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize(
    ("case", "objective", "checkpointing"),
    [
        ("many tokens", "mae", False),
        ("many tokens", "simmim", True),
        ("image", "mae", True),
        ("image", "simmim", False),
        ("large patches", "mae", True),
        ("large patches", "simmim", False),
    ],
)
def test_arithmetic_and_parameters(case, objective, checkpointing):
    geometry, shape, ratio, n = CASES[case]
    network, batch = network_and_batch(objective, geometry, shape, ratio, n)
    set_gradient_checkpointing(network, checkpointing)
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    formulas = {  # PyTorch counts attention on the GPU and forgets the CPU's
        attention: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
        backward: lambda gradient, q, k, v, *_, **__: sdpa_backward_flop_count(gradient, q, k, v),
    }
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        network(*batch).loss.backward()
    prediction = predict(geometry, shape, objective, ratio, n, "float32", checkpointing, False)
    assert prediction.flops_per_step == pytest.approx(counter.get_total_flops(), rel=0.01)
    assert prediction.parameters == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("objective", ["mae", "simmim"])
def test_the_laptop_preset_fits_the_card(precision, objective):
    geometry, shape, ratio, n = LAPTOP
    prediction = predict(geometry, shape, objective, ratio, n, precision, False, True)
    assert prediction.memory_mb < 5500
    assert prediction.memory_mb == pytest.approx(sum(prediction.parts.values()))
    weights = prediction.parameters * 4 / MIB
    parts = prediction.parts
    assert [parts[name] / weights for name in ("weights", "gradients", "moments", "ema")] == [1, 1, 2, 1]


def test_what_makes_a_step_smaller():
    geometry, shape, ratio, n = LAPTOP
    plain = predict(geometry, shape, "mae", ratio, n, "bfloat16", False, True)
    assert predict(geometry, shape, "mae", ratio, n, "bfloat16", False, False).parts["ema"] == 0
    assert predict(geometry, shape, "mae", ratio, n // 2, "bfloat16", False, True).memory_mb < plain.memory_mb
    checkpointed = predict(geometry, shape, "mae", ratio, n, "bfloat16", True, True)
    assert checkpointed.parts["activations"] < 0.5 * plain.parts["activations"]
    assert checkpointed.flops_per_step > plain.flops_per_step
    full = predict(geometry, shape, "mae", ratio, n, "float32", False, True)
    assert full.parts["activations"] > 1.5 * plain.parts["activations"]
    assert full.parts["autocast_weights"] == 0
    assert plain.parts["batch"] * MIB == n * (prod(geometry.crop) * 3 * 4 + 162 * geometry.patch_values * 2)


def test_planning_needs_no_torch():
    code = "import sys, sixgig.mim.budget; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
