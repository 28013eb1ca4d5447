"""The 3D network for chest CT of three wheels: loaded whole, alive, and at home where it says it is."""

import json

import numpy as np
import pytest
import torch

from sixgig.weights.loading import create_network, load_backbone
from sixgig.weights.monai_networks import features_of
from sixgig.weights.storage import read_provenance

SHAPE = (48, 80, 80)


def chest(seed):
    """A chest as simple shapes, in [0, 1] for -1000 to 1000 Hounsfield units: float32 [D, H, W]."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-0.7, 0.7, side) for side in SHAPE), indexing="ij")
    units = np.full(SHAPE, -1000.0)
    units[(x / 0.85) ** 2 + (y / 0.6) ** 2 < 1] = -90
    units[(x / 0.78) ** 2 + (y / 0.52) ** 2 < 1] = 45
    for side in (-1, 1):
        units[((x - side * 0.4) / 0.3) ** 2 + (y / 0.42) ** 2 + (z / 0.8) ** 2 < 1] = -830
    units[((x - 0.1) / 0.2) ** 2 + ((y + 0.1) / 0.2) ** 2 + (z / 0.3) ** 2 < 1] = 60 + rng.normal(0, 10)
    units[(x / 0.08) ** 2 + ((y - 0.42) / 0.09) ** 2 < 1] = 350
    units += rng.normal(0, 15, SHAPE)
    return np.clip((units + 1000) / 2000, 0, 1).astype(np.float32)


def three(volume):
    return torch.from_numpy(volume)[None, None].expand(1, 3, -1, -1, -1).contiguous()


def agreement(network, crops):
    """Correlation over channels of means before batch normalisation with the recorded ones; the mean over layers."""
    found = []

    def look(module, given, made):
        means = given[0].mean(dim=(0, 2, 3, 4))
        found.append(float(torch.corrcoef(torch.stack([means, module.running_mean]))[0, 1]))

    hooks = [
        module.register_forward_hook(look) for module in network.modules() if isinstance(module, torch.nn.BatchNorm3d)
    ]
    with torch.inference_mode():
        network(crops)
    for hook in hooks:
        hook.remove()
    return float(np.mean(found))


@pytest.fixture(scope="module")
def network(astra_weights):
    return load_backbone(astra_weights, 224)


def test_every_tensor_of_the_parts_is_used(astra_weights):
    facts = read_provenance(astra_weights)
    assert (facts["model"], facts["tensors"], facts["parameters"]) == ("monai:resnet152", 930, 117_517_632)
    assert facts["loaded"] == {"filled": 930, "layout": "monai", "left_out": []}
    assert facts["source_sha256"] == "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a"
    assert [part["package"][-2:] for part in facts["source"]["wheels"]] == ["p1", "p2", "p3"]
    assert json.dumps(facts["options"], sort_keys=True) == json.dumps(
        {
            "bias_downsample": False, "conv1_t_size": [3, 7, 7], "conv1_t_stride": [1, 2, 2], "n_input_channels": 3,
        }
    )  # fmt: skip


def test_a_chest_is_what_its_layers_expect_and_noise_is_not(network):
    """Shapes may fit by chance; recorded means of activations agree where names, values and intensities are right."""
    at_home = agreement(network, three(chest(0)))
    noise = np.random.default_rng(1).random(SHAPE, dtype=np.float32)
    assert at_home > 0.8
    assert at_home > agreement(network, three(noise)) + 0.1


def test_features_are_finite_and_differ_between_subjects_and_from_random_weights(network, astra_weights):
    facts = read_provenance(astra_weights)
    random = create_network(facts["model"], None, 0, facts["options"])
    with torch.inference_mode():
        first, second, other = (
            features_of(facts["model"], one, three(volume)).numpy()[0]
            for one, volume in ((network, chest(0)), (network, 1 - chest(0)), (random, chest(0)))
        )
    assert first.shape == (2048,)
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.1
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5
