"""Both backends on the same weights and the same batch; TensorFlow's side runs in its own environment."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from sixgig.contrastive.backend import LocalTarget, LossScale
from sixgig.contrastive.pairs import global_terms, random_terms
from sixgig.contrastive.pytorch.backend import TorchBackend
from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.weights.export import export_vit
from tests.unit.contrastive.tiny_contrastive import SETTINGS as TINY

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = TINY._replace(steps=3, crop_fraction=0.5, seed=5)
NETWORKS = {
    "plain": {},
    "layer_scale": {"init_values": 0.3, "reg_tokens": 2, "no_embed_class": True},
    "no_class_token": {"class_token": False, "global_pool": "avg", "fc_norm": False},
}
#: Network, stage or loss, and the settings that differ from those above.
CASES = {
    "g_d": ("plain", "g_d", {}),
    "g_d with published batching": ("layer_scale", "g_d", {"reference_batching": True, "frozen_blocks": 1}),
    "g_d_minus of mean tokens": ("no_class_token", "g_d_minus", {"token": "mean"}),
    "g_r of both tokens, frozen": ("layer_scale", "g_r", {"token": "cls_mean", "frozen_blocks": 1}),
    "local": ("plain", "local", {"local_steps": 2}),
    "local, frozen, layer scale": ("layer_scale", "local", {"local_steps": 2, "frozen_blocks": 1}),
    "local, published regions": ("layer_scale", "local", {"local_steps": 2, "reference_regions": True}),
}
MICRO_BATCHES = (0, 3)
INDICES = ("anchors", "positives", "negatives")
RATES = (1e-3, 5e-4, 1e-3)

# Computes every case in TensorFlow, in answer one file of arrays each. One graph serves all sizes of micro-batch.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow.compat.v1 as tf
from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.contrastive.backend import LocalTarget, LossScale
from sixgig.errors import SixgigError
from sixgig.contrastive.pairs import Terms
from sixgig.contrastive.settings import Settings
from sixgig.contrastive.tensorflow1.backend import TensorFlowBackend

folder = Path(sys.argv[1])
for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
    arrays, facts = read_arrays(folder / (case["network"] + ".npz"))
    batch, target = read_arrays(folder / "{}-batch.npz".format(number))
    images = batch.pop("images")
    target = Terms(**batch, **target) if batch else LocalTarget(**target)
    settings = Settings.from_dict(case["settings"])
    backend = TensorFlowBackend(arrays, facts, settings)
    backend.start_stage("global" if batch else "local")
    for scaled in (False, True):
        backend._scale = LossScale(scaled)
        for micro_batch in case["micro_batches"]:
            backend._settings = settings._replace(micro_batch_size=micro_batch)
            loss, gradients = backend.gradients(images, target)
            found = {"gradient " + name: value for name, value in gradients.items()}
            found["loss"] = np.array([loss, backend.loss(images, target)])
            found["features"] = backend.features(images)
            name = "{}-{}-{}.npz".format(number, micro_batch, "scaled" if scaled else "plain")
            write_arrays(folder / name, found, {})
    steps = np.array([backend.step(images, target, rate) for rate in case["rates"]])
    write_arrays(folder / "{}-trained.npz".format(number), dict(backend.arrays(), steps=steps), {})
    backend.close()

class FullSession:
    def run(self, fetches, feed):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\\nand so on")

backend._session, told = FullSession(), {}
for backend.device in ("cpu", "cuda"):
    try:
        backend.features(images)
    except SixgigError as error:
        told[backend.device] = [type(error).__name__, error.place, error.reason]
(folder / "full.json").write_text(json.dumps(told))
"""


def network_of(name):
    options = {"img_size": 32, "patch_size": 4, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 0}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = VisionTransformer(**{**options, **NETWORKS[name]}).eval()
        with torch.no_grad():
            for parameter in network.parameters():  # nothing stays at a 0 or 1 that would hide an error
                parameter.add_(0.1 * torch.randn_like(parameter))
    network.pretrained_cfg = {"architecture": name}
    return network


def settings_of(case, micro_batch):
    return SETTINGS._replace(**CASES[case][2], micro_batch_size=micro_batch)


def batch_of(case):
    """Images and target: views of few images, so that positives are alike as in training."""
    _, kind, changes = CASES[case]
    if kind == "local":
        target = LocalTarget(8)
    elif kind == "g_r":
        target = random_terms(4)
    else:
        target = global_terms(kind, 2, 2, changes.get("reference_batching", False))
    random = np.random.RandomState(1)
    base = random.randn(4, 32, 32, 3)
    repeated = np.tile(base, (target.n_images // 4, 1, 1, 1))
    images = (repeated + 0.5 * random.randn(*repeated.shape)).astype(np.float32)
    if changes.get("reference_batching"):
        images[-8:] = 0
    return images, target


def torch_backend(case, micro_batch, **options):
    network = network_of(CASES[case][0])
    _, facts = export_vit(network, (0.5,) * 3, (0.5,) * 3)
    return TorchBackend(network, facts, settings_of(case, micro_batch), **options)


def start(backend, target):
    backend.start_stage("local" if isinstance(target, LocalTarget) else "global")
    return backend


def computed(case, micro_batch, scaled=False, **options):
    """Loss, gradients and features of a case in PyTorch."""
    images, target = batch_of(case)
    backend = start(torch_backend(case, micro_batch, **options), target)
    backend._scale = LossScale(scaled)
    loss, gradients = backend.gradients(images, target)
    found = {f"gradient {name}": value for name, value in gradients.items()}
    return {**found, "loss": np.array([loss, backend.loss(images, target)]), "features": backend.features(images)}


def trained(case, micro_batch):
    """Weights of a case after some steps in PyTorch, and the losses."""
    images, target = batch_of(case)
    backend = start(torch_backend(case, micro_batch), target)
    steps = np.array([backend.step(images, target, rate) for rate in RATES])
    return {**backend.arrays(), "steps": steps}


def gradients_in(results):
    return {name: value for name, value in results.items() if name.startswith("gradient ")}


def relative_error(found, wanted):
    return np.linalg.norm(found.astype(float) - wanted) / np.linalg.norm(wanted.astype(float))


@pytest.fixture(scope="module")
def tensorflow(tensorflow1, tmp_path_factory):
    """What TensorFlow finds, by case and micro-batch; by case and ``trained``, weights and losses of some steps.

    The steps are taken with a loss scale, which must not matter.
    """
    folder = tmp_path_factory.mktemp("backends")
    for name in NETWORKS:
        write_arrays(folder / f"{name}.npz", *export_vit(network_of(name), (0.5,) * 3, (0.5,) * 3))
    cases = []
    for number, (case, (network, kind, _)) in enumerate(CASES.items()):
        images, target = batch_of(case)
        indices = {} if kind == "local" else {name: getattr(target, name) for name in INDICES}
        facts = {name: value for name, value in target._asdict().items() if name not in indices}
        write_arrays(folder / f"{number}-batch.npz", {"images": images, **indices}, facts)
        # The last size of micro-batch is the one that steps are taken with.
        settings = settings_of(case, MICRO_BATCHES[-1]).as_dict()
        cases.append({"network": network, "settings": settings, "micro_batches": MICRO_BATCHES, "rates": RATES})
    (folder / "cases.json").write_text(json.dumps(cases))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"}
    done = subprocess.run([tensorflow1, "-c", SCRIPT, folder], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    results = {}
    for number, case in enumerate(CASES):
        for micro_batch in MICRO_BATCHES:
            results[case, micro_batch] = read_arrays(folder / f"{number}-{micro_batch}-plain.npz")[0]
            results[case, micro_batch, "scaled"] = read_arrays(folder / f"{number}-{micro_batch}-scaled.npz")[0]
        results[case, "trained"] = read_arrays(folder / f"{number}-trained.npz")[0]
    results["full"] = json.loads((folder / "full.json").read_text())
    return results


@pytest.mark.parametrize("micro_batch", MICRO_BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_both_backends_give_the_same_loss_and_gradients(case, micro_batch, tensorflow):
    found, wanted = computed(case, micro_batch), tensorflow[case, micro_batch]
    np.testing.assert_allclose(found["loss"], wanted["loss"], rtol=1e-4)
    np.testing.assert_allclose(found["features"], wanted["features"], rtol=1e-3, atol=1e-5)
    ours, theirs = gradients_in(found), gradients_in(wanted)
    assert set(ours) == set(theirs)
    errors = {name: relative_error(ours[name], theirs[name]) for name in ours}
    assert max(errors.values()) < 1e-3, max(errors, key=errors.get)


@pytest.mark.parametrize("case", CASES)
def test_both_backends_take_the_same_steps(case, tensorflow):
    found, wanted = trained(case, 0), tensorflow[case, "trained"]
    np.testing.assert_allclose(found["steps"], wanted["steps"], rtol=1e-3)
    if not CASES[case][2].get("reference_batching"):  # half of whose pairs are of unrelated images
        assert wanted["steps"][-1] < wanted["steps"][0]


@pytest.mark.parametrize("case", CASES)
def test_micro_batches_give_the_gradient_of_the_whole_batch(case, tensorflow):
    for whole, parts in ((tensorflow[case, 0], tensorflow[case, 3]), (computed(case, 0), computed(case, 3))):
        np.testing.assert_allclose(parts["loss"], whole["loss"], rtol=1e-5)
        names = sorted(gradients_in(whole))
        every = [np.concatenate([found[name].ravel() for name in names]) for found in (parts, whole)]
        assert relative_error(*every) < 1e-5
        # Single arrays may be small differences of large numbers.
        assert max(relative_error(parts[name], whole[name]) for name in names) < 1e-4


@pytest.mark.parametrize("micro_batch", MICRO_BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_the_loss_scale_leaves_the_gradient_as_it_is(case, micro_batch, tensorflow):
    for plain, scaled in (
        (tensorflow[case, micro_batch], tensorflow[case, micro_batch, "scaled"]),
        (computed(case, micro_batch), computed(case, micro_batch, scaled=True)),
    ):
        for name, wanted in gradients_in(plain).items():
            assert relative_error(scaled[name], wanted) < 1e-6, name


def test_full_memory_is_told_from_other_errors(tensorflow):
    assert tensorflow["full"] == {
        "cpu": ["MemoryShortError", "host memory", "OOM when allocating tensor"],
        "cuda": ["OutOfMemoryError", "GPU memory", "OOM when allocating tensor"],
    }


@pytest.mark.parametrize("case", ["g_r of both tokens, frozen", "local, frozen, layer scale"])
def test_frozen_blocks_stay_and_the_others_learn(case, tensorflow):
    before = export_vit(network_of(CASES[case][0]), (0.5,) * 3, (0.5,) * 3)[0]
    frozen = {name for name in before if not name.startswith(("norm.", "blocks.1."))}
    for found, gradients in ((tensorflow[case, "trained"], tensorflow[case, 0]), (trained(case, 3), computed(case, 0))):
        assert {name for name in before if np.array_equal(found[name], before[name])} == frozen
        assert {name for name in before if f"gradient {name}" not in gradients} == frozen


def test_only_the_projection_head_of_the_stage_is_trained(tensorflow):
    heads = {case: {name for name in gradients_in(tensorflow[case, 0]) if "head" in name} for case in CASES}
    assert heads["g_d"] == {"gradient global_head.0.weight", "gradient global_head.1.weight"}
    assert heads["local"] == {"gradient local_head.0.weight", "gradient local_head.1.weight"}


def test_with_the_published_regions_only_the_local_heads_are_trained(tensorflow):
    case = "local, published regions"
    before = export_vit(network_of("layer_scale"), (0.5,) * 3, (0.5,) * 3)[0]
    wanted = {
        f"gradient local_head.{layer}.weight": shape for layer, shape in enumerate([(32, 32), (32, 32), (128, 288)])
    }
    for found, gradients in ((tensorflow[case, "trained"], tensorflow[case, 0]), (trained(case, 3), computed(case, 0))):
        assert {name: value.shape for name, value in gradients_in(gradients).items()} == wanted
        assert all(np.array_equal(found[name], before[name]) for name in before)
        assert found["steps"][-1] < found["steps"][0]


@pytest.mark.parametrize("case", ["g_d", "local, frozen, layer scale"])
def test_gradient_checkpointing_changes_nothing(case):
    plain, recomputed = computed(case, 3), computed(case, 3, gradient_checkpointing=True)
    for name, value in gradients_in(plain).items():
        assert relative_error(recomputed[name], value) < 1e-6, name


def test_a_cpu_computes_in_float32_and_says_so():
    backend = torch_backend("g_d", 0, dtype="bfloat16")
    assert (backend.device, backend.dtype) == ("cpu", "float32")
    assert backend.fallbacks == ["float32 instead of bfloat16: a CPU computes in float32"]
