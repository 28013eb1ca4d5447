"""Features of networks of every layout: the mean over patches, the class token where there is one, own pooling."""

import numpy as np
import pytest
import timm
import torch

from sixgig.errors import WeightsError
from sixgig.weights.loading import create_network
from sixgig.weights.probing import plain_layout, probe, require_image
from sixgig.weights.sizes import network_size
from sixgig.weights.tokens import NCHW, NHWC, TOKENS, features_of_layout

#: Model, image size, layout, prefix, class token, positions, width.
FAMILIES = [
    ("vit_tiny_patch16_224", 64, TOKENS, 1, True, 16, 192),
    ("vit_small_patch14_reg4_dinov2", 56, TOKENS, 5, True, 16, 384),
    ("vit_wee_patch16_reg1_gap_256", 64, TOKENS, 1, False, 16, 256),  # a register is no class token
    ("vit_small_patch16_dinov3", 64, TOKENS, 5, True, 16, 384),
    ("deit_tiny_distilled_patch16_224", 64, TOKENS, 2, True, 16, 192),
    ("cait_xxs24_224", 64, TOKENS, 1, True, 16, 192),  # has no num_prefix_tokens
    ("vit_base_patch16_siglip_224", 64, TOKENS, 0, False, 16, 768),
    ("swin_tiny_patch4_window7_224", 112, NHWC, 0, False, 16, 768),
    ("swinv2_cr_tiny_ns_224", 112, NCHW, 0, False, 16, 768),
    ("samvit_base_patch16", 64, NCHW, 0, False, 16, 256),
    ("convnext_atto", 64, NCHW, 0, False, 4, 320),
    ("resnet18", 64, NCHW, 0, False, 4, 512),
    ("efficientnet_lite0", 64, NCHW, 0, False, 4, 1280),
]


@pytest.mark.parametrize(("model", "size", "form", "prefix", "class_token", "positions", "width"), FAMILIES)
def test_features_of_any_layout(model, size, form, prefix, class_token, positions, width):
    layout = probe(model, size).layout
    assert (layout.form, layout.prefix, layout.class_token) == (form, prefix, class_token)
    assert (layout.positions, layout.width) == (positions, width)
    network = create_network(model, size, seed=1).eval()
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32))
    with torch.inference_mode():
        made = network.forward_features(image)
        means, own = features_of_layout(network, made, "mean"), network(image)
        assert torch.equal(features_of_layout(network, made, "pooled"), own)
        if form == TOKENS:
            wanted = made[:, prefix:].mean(1)
        else:
            last = made if form == NHWC else made.permute(0, 2, 3, 1)
            wanted = torch.stack(
                [last[:, row, column] for row in range(last.shape[1]) for column in range(last.shape[2])]
            )
            wanted = wanted.mean(0)
        torch.testing.assert_close(means, wanted)
        assert means.shape == (2, width)
        if class_token:
            assert torch.equal(features_of_layout(network, made, "cls"), made[:, 0])
            both = features_of_layout(network, made, "cls_mean")
            assert torch.equal(both, torch.cat([made[:, 0], means], 1))
        else:
            with pytest.raises(WeightsError, match=r"is cls, and .* no class token(.|\n)*use token: mean"):
                features_of_layout(network, made, "cls")


@pytest.mark.parametrize("model", ["swin_tiny_patch4_window7_224", "resnet18"])
def test_a_maps_mean_is_its_networks_own_average_pooling(model):
    """These pool by the mean after the last normalisation, so both rules must agree."""
    network = create_network(model, 112, seed=2).eval()
    image = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, 112, 112)).astype(np.float32))
    with torch.inference_mode():
        made = network.forward_features(image)
        torch.testing.assert_close(features_of_layout(network, made, "mean"), network(image))


def test_siglips_own_pooling_is_not_the_mean():
    network = create_network("vit_base_patch16_siglip_224", 64, seed=3).eval()
    image = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        made = network.forward_features(image)
        pooled = features_of_layout(network, made, "pooled")
        torch.testing.assert_close(pooled, network.fc_norm(network.attn_pool(made)))
        assert (pooled - features_of_layout(network, made, "mean")).abs().max() > 0.1


def test_a_network_without_patches_has_no_mean():
    layout = probe("pit_ti_224", 112).layout
    assert (layout.positions, layout.class_token) == (0, True)
    with pytest.raises(WeightsError, match=r"gives no patches(.|\n)*use token: cls"):
        layout.require("mean", "config key arms.x.token", "pit_ti_224")


def test_several_outputs_are_no_features():
    found = probe("coat_tiny", 64)
    assert found.layout is None
    assert "a list, several outputs instead of one" in found.unreadable
    assert found.features == 152


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("hiera_tiny_224", 112, r"hiera_tiny_224: does not take RGB images of 112 px: (.|\n)*set image.size to 224"),
        ("crossvit_tiny_240", 112, r"does not take RGB images of 112 px(.|\n)*set image.size to 240"),
        ("gcvit_xxtiny", 112, r"does not take RGB images of 112 px(.|\n)*set image.size to 224"),  # other windows at 96
        ("vit_base_patch16_224", 100, r"not a multiple of that(.|\n)*set image.size to (96|112)"),
        ("vit_bse_patch16_224", 112, r"timm does not know(.|\n)*vit_base_patch16_224"),
        ("monai:SwinUNETR", 112, r"is a network for volumes(.|\n)*a kind of arm that encodes volumes"),
    ],
)
def test_a_network_that_takes_no_such_image_is_refused_with_the_nearest_that_fits(model, size, message):
    with pytest.raises(WeightsError, match=message):
        probe(model, size)


def test_a_grey_network_is_refused(monkeypatch):
    made = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda *names, **options: made(*names, **options, in_chans=1))
    probe.cache_clear()
    with pytest.raises(WeightsError, match=r"RGB images of 32 px: it takes images of 1 channel"):
        probe("resnet10t", 32)


def test_the_weights_stage_lets_an_image_through():
    network = create_network("hiera_tiny_224", seed=1).train()
    require_image(network, "hiera_tiny_224", 224, "weights.h")
    assert network.training
    with pytest.raises(
        WeightsError, match=r"weights.h: hiera_tiny_224 does not take RGB images of 112 px: .*\n.*image.size"
    ):
        require_image(network, "hiera_tiny_224", 112, "weights.h")


PLAIN = [
    f"vit_{size}_patch{patch}{more}"
    for size in ("tiny", "small", "base", "large")
    for patch in (8, 14, 16, 32)
    for more in ("_224", "_384", "_dinov2", "_reg4_dinov2")
    if timm.is_model(f"vit_{size}_patch{patch}{more}")
]


@pytest.mark.parametrize("model", PLAIN)
def test_what_a_plain_vits_name_tells_is_so(model):
    from sixgig.mim.inflation import shape_of
    from sixgig.weights.export import require_plain

    found = probe(model, 224)
    assert plain_layout(model, 224) == found.layout
    require_plain(found.network)
    shape_of(found.network)


@pytest.mark.parametrize(
    "model", [family[0] for family in FAMILIES] + ["pit_ti_224", "tnt_s_patch16_224", "xcit_nano_12_p16_224"]
)
def test_any_network_is_counted_for_the_forecast(model):
    size = 112
    found = network_size(model, size)
    with torch.device("meta"):
        parameters = sum(tensor.numel() for tensor in create_network(model, size).parameters())
    assert found.parameters == pytest.approx(parameters, rel=2e-3)
    assert found.flops > 1e6
    assert found.live > 0


def test_products_of_matrices_make_a_transformer_and_convolutions_a_convolution():
    assert network_size("eva02_tiny_patch14_224", 112).kind == "transformer"
    assert network_size("swin_tiny_patch4_window7_224", 112).kind == "transformer"
    assert network_size("resnet14t", 64).kind == "convolution"
