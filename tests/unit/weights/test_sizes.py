"""Sizes of networks: exact where they follow from the name, counted otherwise."""

import pytest

from sixgig.weights.loading import create_network
from sixgig.weights.sizes import network_size


@pytest.mark.parametrize(
    ("model", "image_size", "parameters"),
    [
        ("vit_base_patch16_224.augreg2_in21k_ft_in1k", 224, 85_798_656),
        ("vit_small_patch14_dinov2", 112, 21_555_072),
        ("vit_small_patch14_reg4_dinov2", 112, None),
        ("vit_tiny_patch16_224", 224, None),
        ("deit_tiny_distilled_patch16_224", 224, None),
        ("deit3_small_patch16_224", 224, None),
    ],
)
def test_a_transformers_parameters_follow_from_its_name(model, image_size, parameters):
    if parameters is None:
        parameters = sum(tensor.numel() for tensor in create_network(model, image_size).parameters())
    assert network_size(model, image_size).parameters == pytest.approx(parameters, rel=2e-3)


def test_vit_b_16_takes_the_published_operations():
    size = network_size("vit_base_patch16_224", 224)
    assert size.flops / 2 == pytest.approx(17.58e9, rel=0.01)  # Dosovitskiy et al.: 17.6 x 10^9 multiply-adds
    assert (size.tokens, size.features, size.kind) == (197, 768, "transformer")


def test_a_convolutional_network_grows_with_the_area_of_the_image():
    small, large = (network_size("resnet50.a1_in1k", side) for side in (112, 224))
    assert large.flops == pytest.approx(4 * small.flops)
    assert large.flops / 2 == pytest.approx(4.1e9, rel=0.02)  # He et al.; 4.1 x 10^9 with timm's variant
    assert large.parameters == pytest.approx(23.51e6, rel=1e-3)
    assert (large.features, large.kind) == (2048, "convolution")


def test_a_transformer_of_another_name_is_looked_at():
    size = network_size("test_vit", 160)
    network = create_network("test_vit", 160)
    assert (size.width, size.depth, size.kind) == (network.embed_dim, len(network.blocks), "transformer")
    assert size.tokens == network.patch_embed.num_patches + network.num_prefix_tokens


def test_any_other_network_is_counted_without_its_memory():
    size = network_size("mobilenetv3_small_050", 64)
    network = create_network("mobilenetv3_small_050")
    assert size.parameters == sum(tensor.numel() for tensor in network.parameters())
    assert 1e6 < size.flops < 1e7
    assert size.features == network.num_features or size.features == network.head_hidden_size


def test_position_biases_of_an_attention_count():
    """SAM's attention at 1024 px holds 12 heads x 4096 x 4096 biases in 16 bits, and scores twice in 32 bits."""
    size = network_size("samvit_base_patch16", 1024)
    assert size.live == pytest.approx(5 * 12 * 4096**2, rel=0.05)
    small = network_size("samvit_base_patch16", 224)  # 14 x 14 patches are one window: its layers are wider
    assert small.live < size.live / 50
