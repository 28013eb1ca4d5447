"""The TensorFlow 1 graph is timm's network: equal tokens, equal gradients, both computed for real."""

import os
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.weights.export import export_vit
from sixgig.weights.loading import load_backbone
from sixgig.weights.tokens import token_features

ROOT = Path(__file__).resolve().parents[4]
FROZEN = 1
HEADER = """
import sys
import numpy as np
from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.errors import TrainingError
from sixgig.contrastive.tensorflow1.framework import tf
from sixgig.contrastive.tensorflow1.vit import Vit, token_features

arrays, facts = read_arrays(sys.argv[1])
config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
"""
# Computes everything about one backbone: loading TensorFlow takes longer than most of it.
COMPUTE = """
given, options = read_arrays(sys.argv[2])
side = facts["image_size"]
out, notes = {}, {}
for dtype, frozen in options["modes"]:
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        vit = Vit(facts, dtype, frozen)
        images = tf.placeholder(tf.float32, [None, side, side, 3])
        feed = {images: given["images"]}
        tokens = vit.tokens(images)
        vit.initialise(session, arrays)
        key = "%s_%d" % (dtype, frozen)
        notes["trainable_" + key] = [name for name, _ in vit.trainable]
        collected = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
        notes["collected_" + key] = len(collected) == len(vit.trainable)
        scalar = tf.reduce_sum(tokens * given["factor"])
        gradients = tf.gradients(scalar, list(vit.variables.values())) if dtype == "float32" else []
        fetched = {"gradient_%s_%s" % (key, n): g for n, g in zip(vit.variables, gradients) if g is not None}
        notes["without_" + key] = [n for n, g in zip(vit.variables, gradients) if g is None]
        fetched["tokens_" + key] = tokens
        out.update(session.run(fetched, feed))
        if key == "float32_0":
            for rule in ("cls", "mean", "cls_mean"):
                out["features_" + rule] = session.run(token_features(tokens, vit.prefix_tokens, rule), feed)
            held = vit.arrays(session)
            notes["kept"] = sorted(held) == sorted(arrays) and all(np.array_equal(held[n], arrays[n]) for n in arrays)
            notes["types"] = sorted({str(v.dtype.base_dtype.name) for v in vit.variables.values()})
            notes["graph_bytes"] = tf.get_default_graph().as_graph_def().ByteSize()
write_arrays(sys.argv[3], out, notes)
"""
GELU = """
from sixgig.contrastive.tensorflow1.vit import gelu

with tf.Graph().as_default(), tf.Session(config=config) as session:
    x = tf.constant(arrays["x"])
    y = gelu(x)
    values, slope = session.run([y, tf.gradients(y, x)[0]])
write_arrays(sys.argv[2], {"values": values, "slope": slope}, {})
"""
ERRORS = """
def message(build):
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        try:
            build(session)
        except TrainingError as error:
            return str(error)
    return "no error"

def change(**entries):
    changed = dict(arrays)
    for name, value in entries.items():
        changed[name.replace("__", ".")] = value
    return changed

less = {name: array for name, array in arrays.items() if name != "norm.bias"}
write_arrays(sys.argv[2], {}, {
    "dtype": message(lambda session: Vit(facts, "bfloat16")),
    "frozen": message(lambda session: Vit(facts, "float32", facts["depth"] + 1)),
    "negative": message(lambda session: Vit(facts, "float32", -1)),
    "heads": message(lambda session: Vit(dict(facts, heads=5))),
    "facts": message(lambda session: Vit({"model": "vit_x"})),
    "missing": message(lambda session: Vit(facts).initialise(session, less)),
    "unexpected": message(lambda session: Vit(facts).initialise(session, change(head__weight=arrays["norm.bias"]))),
    "shape": message(lambda session: Vit(facts).initialise(session, change(norm__bias=arrays["norm.bias"][:-1]))),
    "fits": message(lambda session: Vit(facts).initialise(session, arrays)),
})
"""


def run(tensorflow1, code, *arguments):
    subprocess.run(
        [tensorflow1, "-c", HEADER + code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"},
        check=True,
    )


def perturbed(network, seed=0):
    """Move every parameter away from its initial value: near-zero scales and positions would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            size = 0.5 if name.endswith(("gamma", "norm1.weight", "norm2.weight", "norm.weight")) else 0.05
            size = 0.5 if name.endswith(("pos_embed", "token", "bias")) else size
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def model(name, size):
    return lambda request: perturbed(timm.create_model(name, num_classes=0, img_size=size))


def variant(**options):
    kwargs = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 3, "num_classes": 0}
    return lambda request: perturbed(VisionTransformer(**kwargs | options))


BACKBONES = {
    "vit_tiny_patch16_224 at 64": model("vit_tiny_patch16_224", 64),
    "vit_small_patch16_224 at 224": model("vit_small_patch16_224", 224),
    "vit_small_patch14_reg4_dinov2 at 56": model("vit_small_patch14_reg4_dinov2", 56),
    "DINOv2 ViT-S/14, its own weights, at 56": lambda request: load_backbone(
        request.getfixturevalue("dinov2_weights"), 56
    ),
}
#: Small enough for the slow parts: a CPU has no arithmetic in half precision, and emulates it.
VARIANTS = {
    "registers that have positions": variant(reg_tokens=2, init_values=0.1),
    "no class token, no qkv bias, large eps": variant(
        class_token=False,
        global_pool="avg",
        fc_norm=False,
        qkv_bias=False,
        mlp_ratio=3,
        norm_layer=partial(torch.nn.LayerNorm, eps=0.1),
    ),
}


def compute_both(network, modes, tensorflow1, folder):
    """Run one backbone in both environments, on the same random images."""
    arrays, facts = export_vit(network, (0.5,) * 3, (0.5,) * 3)
    random = np.random.RandomState(1)
    images = random.normal(size=(2, facts["image_size"], facts["image_size"], 3)).astype(np.float32)
    count = facts["grid"][0] * facts["grid"][1] + facts["class_token"] + facts["register_tokens"]
    factor = random.normal(size=(2, count, facts["width"])).astype(np.float32)
    write_arrays(folder / "weights.npz", arrays, facts)
    write_arrays(folder / "given.npz", {"images": images, "factor": factor}, {"modes": modes})
    run(tensorflow1, COMPUTE, folder / "weights.npz", folder / "given.npz", folder / "out.npz")
    found, notes = read_arrays(folder / "out.npz")
    tokens = network.forward_features(torch.from_numpy(images).permute(0, 3, 1, 2))
    (tokens * torch.from_numpy(factor)).sum().backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in network.named_parameters()}
    return SimpleNamespace(
        facts=facts, tokens=tokens.detach(), gradients=gradients, found=found, notes=notes, network=network
    )


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request, tensorflow1, tmp_path_factory):
    network = BACKBONES[request.param](request)
    # Gradients of the upper blocks here and of every parameter in the variants: graphs of 12 blocks take long to make.
    modes = [("float32", len(network.blocks) - 2)]
    return compute_both(network, modes, tensorflow1, tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module", params=VARIANTS)
def both(request, tensorflow1, tmp_path_factory):
    network = VARIANTS[request.param](request)
    modes = [("float32", 0), ("float32", FROZEN), ("float32", len(network.blocks)), ("float16", 0)]
    return compute_both(network, modes, tensorflow1, tmp_path_factory.mktemp("vit"))


def difference(found, wanted):
    """Largest difference relative to the largest value."""
    assert found.shape == wanted.shape
    return np.abs(found - wanted).max() / np.abs(wanted).max()


def test_tokens_and_gradients_of_a_backbone_are_those_of_timm(backbone):
    wanted = backbone.tokens.numpy()
    assert wanted.std() > 0.1
    assert np.abs(wanted[0] - wanted[1]).max() > 0.1  # the images matter
    key = f"float32_{backbone.facts['depth'] - 2}"
    assert difference(backbone.found[f"tokens_{key}"], wanted) < 1e-4
    names = backbone.notes[f"trainable_{key}"]
    assert len(names) >= 2 * 12 + 2
    assert_gradients(backbone, key, names)


def test_tokens_of_a_variant_are_those_of_timm(both):
    assert difference(both.found["tokens_float32_0"], both.tokens.numpy()) < 1e-4


@pytest.mark.parametrize("frozen", ["1", "depth"])
def test_frozen_blocks_change_no_token(both, frozen):
    frozen = both.facts["depth"] if frozen == "depth" else int(frozen)
    assert difference(both.found[f"tokens_float32_{frozen}"], both.found["tokens_float32_0"]) < 1e-6


def test_float16_tokens_are_near(both):
    apart = difference(both.found["tokens_float16_0"], both.tokens.numpy())
    assert 0 < apart < 2e-2
    assert apart > 1e-5  # it is half precision


def test_features_follow_the_rule_of_the_pure_vit(both):
    for rule in ("cls", "mean", "cls_mean"):
        wanted = token_features(both.tokens, int(both.network.num_prefix_tokens), rule).numpy()
        assert difference(both.found[f"features_{rule}"], wanted) < 1e-4


def assert_gradients(both, key, names):
    for name in names:
        found, wanted = both.found[f"gradient_{key}_{name}"], both.gradients[name]
        assert np.abs(wanted).max() > 0
        if name.endswith("qkv.bias"):
            # Softmax ignores a bias of the keys: its gradient is zero but for rounding, and has no scale of its own.
            found, wanted = (np.delete(gradient.reshape(3, -1), 1, axis=0) for gradient in (found, wanted))
        assert difference(found, wanted) < 1e-3, name


def test_every_gradient_of_a_variant_is_that_of_autograd(both):
    assert both.notes["without_float32_0"] == []
    assert_gradients(both, "float32_0", both.gradients)


def test_gradients_stop_at_frozen_blocks(both):
    lower = {name for name in both.gradients if not name.startswith(("blocks.", "norm."))}
    lower |= {name for name in both.gradients if name.startswith("blocks.0.")}
    key = f"float32_{FROZEN}"
    assert set(both.notes[f"without_{key}"]) == lower
    assert set(both.notes[f"trainable_{key}"]) == set(both.gradients) - lower
    assert both.notes[f"collected_{key}"]
    last = f"blocks.{both.facts['depth'] - 1}.mlp.fc2.weight"
    assert difference(both.found[f"gradient_{key}_{last}"], both.gradients[last]) < 1e-3


def test_with_all_blocks_frozen_the_last_norm_learns(both):
    key = f"float32_{both.facts['depth']}"
    assert both.notes[f"trainable_{key}"] == ["norm.weight", "norm.bias"]
    assert set(both.notes[f"without_{key}"]) == set(both.gradients) - {"norm.weight", "norm.bias"}


def test_variables_hold_the_arrays_and_the_graph_holds_none(both):
    assert both.notes["kept"]
    assert both.notes["types"] == ["float32"]
    assert set(both.notes["trainable_float32_0"]) == set(both.gradients)
    assert both.notes["graph_bytes"] < 2_000_000  # ViT-S alone has 86 MB of weights


def test_gelu_is_exact(tensorflow1, tmp_path):
    x = torch.linspace(-8, 8, 4001, requires_grad=True)
    write_arrays(tmp_path / "x.npz", {"x": x.detach().numpy()}, {})
    run(tensorflow1, GELU, tmp_path / "x.npz", tmp_path / "y.npz")
    found, _ = read_arrays(tmp_path / "y.npz")
    wanted = torch.nn.functional.gelu(x)
    wanted.sum().backward()
    # The usual approximation by a hyperbolic tangent is off by 5e-4.
    np.testing.assert_allclose(found["values"], wanted.detach().numpy(), rtol=0, atol=2e-6)
    np.testing.assert_allclose(found["slope"], x.grad.numpy(), rtol=0, atol=2e-6)


@pytest.fixture(scope="module")
def messages(tensorflow1, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit")
    network = VisionTransformer(img_size=16, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=0)
    write_arrays(folder / "weights.npz", *export_vit(network, (0.5,) * 3, (0.5,) * 3))
    run(tensorflow1, ERRORS, folder / "weights.npz", folder / "messages.npz")
    return read_arrays(folder / "messages.npz")[1]


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("dtype", "backbone VisionTransformer: there is no compute type 'bfloat16'"),
        ("frozen", "cannot freeze 3 blocks: the backbone has 2\n  Next step: set frozen_blocks to 0 to 2"),
        ("negative", "cannot freeze -1 blocks"),
        ("heads", "the width 24 is not a multiple of the 5 heads"),
        ("facts", "vit_x: the facts about the architecture lack "),
        ("missing", "the arrays do not fit it: 1 missing (first: norm.bias)"),
        ("unexpected", "1 unexpected (first: head.weight)"),
        ("shape", "1 of another shape (first: norm.bias is [23], must be [24])"),
        ("fits", "no error"),
    ],
)
def test_what_does_not_fit_is_named(messages, case, text):
    assert text in messages[case]
