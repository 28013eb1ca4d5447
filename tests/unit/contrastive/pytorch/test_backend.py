"""The training loop with the real backend of PyTorch."""

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from sixgig.contrastive.backend import LocalTarget
from sixgig.contrastive.pytorch.backend import TorchBackend
from sixgig.errors import NotFiniteError, TrainingError
from sixgig.weights.export import export_vit
from tests.unit.contrastive.toy_backend import SETTINGS, ToyBackend, run


def torch_backend(settings):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = VisionTransformer(img_size=28, patch_size=4, embed_dim=24, depth=2, num_heads=2, num_classes=0)
    network.pretrained_cfg = {"architecture": "tiny"}
    _, facts = export_vit(network, (0.5,) * 3, (0.25,) * 3)
    return TorchBackend(network, facts, settings)


TORCH = SETTINGS._replace(
    steps=25, local_steps=4, learning_rate=2e-3, evidence_batches=4, micro_batch_size=6, checkpoint_seconds=1000.0
)


@pytest.fixture(scope="module")
def torch_run(tmp_path_factory):
    backend = torch_backend(TORCH)
    return run(tmp_path_factory.mktemp("torch"), backend, TORCH)[0], backend.arrays()


def test_torch_learns_to_tell_partitions(torch_run):
    facts, _ = torch_run
    assert facts["heldout_loss"]["after"] < 0.8 * facts["heldout_loss"]["before"]
    assert facts["evidence"]["after"] >= max(0.9, facts["evidence"]["before"])


@pytest.mark.parametrize("kill_after", [7, 27])
def test_torch_resumes_to_the_same_bits(tmp_path, torch_run, kill_after):
    wanted, arrays = torch_run
    often = TORCH._replace(checkpoint_seconds=0.0)
    run(tmp_path, torch_backend(often), often, kill_after=kill_after)
    backend = torch_backend(TORCH)
    found, _ = run(tmp_path, backend, TORCH)
    assert found["resumed_at"] == kill_after - 1
    assert found["history"] == wanted["history"]
    assert found["evidence"] == wanted["evidence"]
    for name, value in backend.arrays().items():
        assert np.array_equal(value, arrays[name]), name


def test_torch_refuses_checkpoints_of_another_network(tmp_path):
    run(tmp_path, torch_backend(TORCH), TORCH._replace(checkpoint_seconds=0.0), kill_after=2)
    frozen = TORCH._replace(frozen_blocks=1)
    with pytest.raises(TrainingError, match=r"of another training: \d+ arrays differ \(first: blocks.0"):
        run(tmp_path, torch_backend(frozen), TORCH)


def test_torch_refuses_checkpoints_of_another_backend(tmp_path):
    run(tmp_path, ToyBackend(TORCH), TORCH, kill_after=2)
    with pytest.raises(TrainingError, match="not one of the PyTorch backend"):
        run(tmp_path, torch_backend(TORCH), TORCH)


def test_torch_stops_on_weights_that_are_not_numbers(tmp_path):
    backend = torch_backend(TORCH)
    backend.start_stage("local")
    images = np.zeros((8, 28, 28, 3), np.float32)
    images[0, 0, 0, 0] = np.nan
    before = backend.arrays()
    with pytest.raises(NotFiniteError, match="the loss is nan"):
        backend.step(images, LocalTarget(8), 1e-3)
    assert all(np.array_equal(value, before[name]) for name, value in backend.arrays().items())
