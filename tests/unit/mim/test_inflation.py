"""An inflated 3D network sees in a volume of equal slices what the 2D network sees in the slice; slices mode copies."""

from dataclasses import replace

import pytest
import torch
from timm.layers import SwiGLU
from timm.models.vision_transformer import ResPostBlock, VisionTransformer
from torch import nn
from torch.nn import functional

from sixgig.errors import ArmError
from sixgig.mim.geometry import Geometry
from sixgig.mim.inflation import inflated_state, shape_of, source_of, timm_state
from sixgig.mim.network import Shape, TokenEncoder
from sixgig.weights.loading import data_config, load_backbone, random_backbone

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = {"class_token": False, "global_pool": "", "fc_norm": False}


def tiny(seed=0, **options):
    """A 2D ViT of 4 x 4 patches with weights large enough that every one of them counts."""
    sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 3, "num_heads": 3, "mlp_ratio": 2.0}
    network = VisionTransformer(**(sizes | {"num_classes": 0} | options)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network


def encoder_of(network, geometry, mean=MEAN, std=STD, **changes):
    """The network inflated to a geometry, in an encoder whose own normalisation is wrong until the state is loaded."""
    source = source_of(network, mean, std)
    shape = replace(source.shape, **changes)
    encoder = TokenEncoder(geometry, shape, [9.0] * geometry.channels, [9.0] * geometry.channels)
    encoder.load_state_dict(inflated_state(network.state_dict(), source, geometry, shape), strict=True)
    return encoder.eval()


def tokens_2d(network, images):
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        return network.forward_features((images - mean) / std)


def images_of(side, n=2, channels=3):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(2))


def relative_error(found, wanted):
    return ((found - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize(
    ("patch_depth", "slabs", "options"),
    [(1, 1, {}), (1, 3, {"mlp_ratio": 1.7}), (2, 3, {}), (4, 1, {"mlp_ratio": 1.7}), (4, 3, {"init_values": 0.5})],
)
def test_a_volume_of_equal_slices_gets_the_tokens_of_the_slice_on_every_slab(patch_depth, slabs, options):
    network = tiny(**PLAIN, **options)
    depth = patch_depth * slabs
    encoder = encoder_of(network, Geometry((depth, 16, 16), (patch_depth, 4, 4), 3))
    images = images_of(16)
    with torch.no_grad():
        tokens = encoder(images[:, :, None].expand(-1, -1, depth, -1, -1)).reshape(2, slabs, 16, -1)
    wanted = tokens_2d(network, images)
    for slab in range(slabs):
        assert relative_error(tokens[:, slab], wanted) < 1e-4


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_equal_channels_get_the_tokens_of_the_grey_image(channels):
    network = tiny(**PLAIN)
    encoder = encoder_of(network, Geometry((4, 16, 16), (2, 4, 4), channels))
    grey = images_of(16, channels=1)
    with torch.no_grad():
        tokens = encoder(grey[:, :, None].expand(-1, channels, 4, -1, -1)).reshape(2, 2, 16, -1)
    wanted = tokens_2d(network, grey.expand(-1, 3, -1, -1))
    assert relative_error(tokens[:, 0], wanted) < 1e-4
    assert relative_error(tokens[:, 1], wanted) < 1e-4


def test_a_patch_is_averaged_over_its_depth():
    """Slices that differ count alike: a volume embeds as the mean of its slices does."""
    encoder = encoder_of(tiny(**PLAIN), Geometry((4, 16, 16), (4, 4, 4), 3))
    volume = torch.rand(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        averaged = volume.mean(dim=2, keepdim=True).expand(-1, -1, 4, -1, -1)
        assert relative_error(encoder(volume), encoder(averaged)) < 1e-4


@pytest.mark.parametrize("side", [6, 8, 12])
def test_larger_patches_see_enlarged_images_as_before(side):
    """Each patch of the image is enlarged by itself, and the resized kernel gives it the same token (FlexiViT)."""
    network = tiny(**PLAIN)
    encoder = encoder_of(network, Geometry((4 * side, 4 * side), (side, side), 3))
    images = images_of(16)
    patches = images.reshape(2, 3, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).reshape(32, 3, 4, 4)
    patches = functional.interpolate(patches, size=(side, side), mode="bicubic", antialias=True)
    enlarged = patches.reshape(2, 4, 4, 3, side, side).permute(0, 3, 1, 4, 2, 5).reshape(2, 3, 4 * side, 4 * side)
    with torch.no_grad():
        assert relative_error(encoder(enlarged), tokens_2d(network, images)) < 1e-3


def test_positions_are_resampled_in_plane_and_repeated_over_depth():
    network = tiny(**PLAIN)
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    with torch.no_grad():
        network.pos_embed[0, :, 0] = rows.flatten()
        network.pos_embed[0, :, 1] = columns.flatten()
    geometry = Geometry((6, 32, 24), (2, 4, 4), 3)
    source = source_of(network, MEAN, STD)
    positions = inflated_state(network.state_dict(), source, geometry, source.shape)["positions"]
    grid = positions.reshape(3, 8, 6, -1)
    assert torch.equal(grid[0], grid[1])
    assert torch.equal(grid[0], grid[2])
    # Half-pixel centres: row r of 8 is at (r + 0.5) / 2 - 0.5 of 4. Cubic weights with -0.75 bend a ramp by up to 0.05.
    rows, columns = ((torch.arange(n) + 0.5) * 4 / n - 0.5 for n in (8, 6))
    assert torch.allclose(grid[0, 3:5, :, 0], rows[3:5, None].expand(-1, 6), atol=0.06)
    assert torch.allclose(grid[0, :, 2:4, 1], columns[2:4].expand(8, -1), atol=0.06)


@pytest.mark.parametrize(
    "options",
    [PLAIN, {}, {"reg_tokens": 4, "no_embed_class": True, "init_values": 0.3}, {"reg_tokens": 2}],
    ids=["no prefix", "class token", "registers without positions", "registers with positions"],
)
def test_slices_mode_copies_and_goes_back_to_timm(options):
    network = tiny(**options)
    encoder = encoder_of(network, Geometry((16, 16), (4, 4), 3))
    images = images_of(16)
    with torch.no_grad():
        assert relative_error(encoder(images), tokens_2d(network, images)) < 1e-5
    returned = timm_state(encoder)
    assert returned.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, returned[name]), name
    # After training, when the weights are no longer those that came from timm:
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(1.1)
    again = tiny(seed=9, **options)
    again.load_state_dict(timm_state(encoder), strict=True)
    with torch.no_grad():
        assert relative_error(tokens_2d(again, images), encoder(images)) < 1e-5


def test_a_state_shares_no_memory_with_the_encoder():
    encoder = encoder_of(tiny(), Geometry((16, 16), (4, 4), 3))
    for tensor in timm_state(encoder).values():
        tensor.zero_()
    assert all(parameter.abs().sum() > 0 for parameter in encoder.parameters())


def test_an_inflated_state_is_float32_and_its_encoder_shares_no_memory_with_the_network():
    network = tiny().half()
    source, geometry = source_of(network, MEAN, STD), Geometry((16, 16), (4, 4), 3)
    for state in (network.state_dict(), network.float().state_dict()):
        inflated = inflated_state(state, source, geometry, source.shape)
        assert {tensor.dtype for tensor in inflated.values()} == {torch.float32}
    for parameter in encoder_of(network, geometry).parameters():
        parameter.data.zero_()
    assert all(parameter.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("geometry", [Geometry((4, 16, 16), (4, 4, 4), 3), Geometry((16, 16), (4, 4), 1)], ids=str)
def test_what_timm_has_no_network_for_does_not_go_back(geometry):
    with pytest.raises(ValueError, match="timm has no network for"):
        timm_state(encoder_of(tiny(), geometry))


@pytest.mark.parametrize("prefix_positions", [True, False])
@pytest.mark.parametrize("options", [{"reg_tokens": 2}, {"reg_tokens": 2, "no_embed_class": True}], ids=str)
def test_class_and_register_tokens_stay_in_3d_when_asked_for(options, prefix_positions):
    """With one slab a volume has as many patches as the image: then the tokens are the same with a prefix, too."""
    network, images = tiny(**options), images_of(16)
    volume = images[:, :, None].expand(-1, -1, 4, -1, -1)
    geometry = Geometry((4, 16, 16), (4, 4, 4), 3)
    wanted = tokens_2d(network, images)
    with torch.no_grad():
        kept = encoder_of(network, geometry, prefix_positions=prefix_positions)(volume)
        assert relative_error(kept, wanted) < 1e-4
        dropped = encoder_of(network, geometry, class_token=False, register_tokens=0)(volume)
        assert dropped.shape == (2, 16, 24)
        no_registers = encoder_of(network, geometry, register_tokens=0)
        assert no_registers(volume).shape == (2, 17, 24)
        no_class = encoder_of(network, geometry, class_token=False)
        assert torch.equal(no_class.prefix, encoder_of(network, geometry).prefix[:, 1:])


def test_the_published_dinov2_network_inflates(dinov2_weights):
    """DINOv2 ViT-S/14: equal tokens on slices, and in 3D those of the 2D network without its class token."""
    config, network = data_config(dinov2_weights), load_backbone(dinov2_weights, 56)
    wanted_shape = Shape(384, 12, 6, 1536, layer_scale=True, class_token=True, prefix_positions=True)
    assert shape_of(network) == wanted_shape
    images = images_of(56)
    slices = encoder_of(network, Geometry((56, 56), (14, 14), 3), config["mean"], config["std"])
    with torch.no_grad():
        assert relative_error(slices(images), tokens_2d(network, images)) < 1e-5
    returned = timm_state(slices)
    assert all(torch.equal(tensor, returned[name]) for name, tensor in network.state_dict().items())

    bare = encoder_of(network, Geometry((56, 56), (14, 14), 3), config["mean"], config["std"], class_token=False)
    volume = Geometry((28, 56, 56), (7, 14, 14), 3)
    inflated = encoder_of(network, volume, config["mean"], config["std"], class_token=False)
    with torch.no_grad():
        tokens = inflated(images[:, :, None].expand(-1, -1, 28, -1, -1)).reshape(2, 4, 16, 384)
        for slab in range(4):
            assert relative_error(tokens[:, slab], bare(images)) < 1e-4


def test_shape_of_vit_base():
    shape = shape_of(random_backbone("vit_base_patch16_224", 224, seed=0))
    assert shape == Shape(class_token=True, prefix_positions=True)


@pytest.mark.parametrize(
    ("options", "trait"),
    [
        ({"act_layer": "silu"}, r"blocks\.0\.mlp\.act is SiLU\(.*\), and in a plain ViT GELU\(\)"),
        ({"act_layer": "gelu_tanh"}, r"blocks\.0\.mlp\.act is GELUTanh\(\)"),
        ({"mlp_layer": SwiGLU}, r"blocks\.0\.mlp is SwiGLU\(\), and in a plain ViT Mlp\(\)"),
        ({"qkv_bias": False}, r"blocks\.0\.attn\.qkv is Linear\(in_features=24, out_features=72, bias=False\)"),
        ({"qk_norm": True}, r"blocks\.0\.attn\.q_norm is LayerNorm\(.*\), and in a plain ViT Identity\(\)"),
        ({"block_fn": ResPostBlock}, r"blocks\.0 is ResPostBlock\(\), and in a plain ViT Block\(\)"),
        ({"norm_layer": nn.LayerNorm}, r"blocks\.0\.norm1 is LayerNorm\(\(24,\), eps=1e-05"),
        ({"pre_norm": True}, r"patch_embed\.proj is Conv2d\(.*bias=False\), and in"),
        ({"class_token": False, "global_pool": "avg"}, r"norm is Identity\(\), and in a plain ViT LayerNorm\("),
        ({"global_pool": "map"}, r"attn_pool is AttentionPoolLatent\(.*\), and in a plain ViT absent"),
        ({"pos_embed": "none"}, r"pos_embed is absent, and in a plain ViT a tensor \[1, 17, 24\]"),
        ({"in_chans": 1}, r"patch_embed\.proj is Conv2d\(1, 24"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_networks_that_are_no_plain_vit_are_refused(options, trait):
    with pytest.raises(ArmError, match=trait) as raised:
        shape_of(VisionTransformer(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, **options))
    assert "init: scratch" in raised.value.next_step


def test_another_family_is_refused_by_name():
    with pytest.raises(ArmError, match="it is a ResNet, not a plain ViT") as raised:
        shape_of(random_backbone("resnet18", 64, seed=0))
    assert raised.value.place == "backbone resnet18"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"width": 48}, "arms.vit_mim.width"),
        ({"depth": 2}, "arms.vit_mim.depth"),
        ({"heads": 4}, "arms.vit_mim.heads"),
        ({"mlp_width": 96}, "arms.vit_mim.mlp_width"),
        ({"layer_scale": True}, "arms.vit_mim.layer_scale"),
        ({"class_token": True}, "arms.vit_mim.init"),
        ({"register_tokens": 2}, "arms.vit_mim.init"),
    ],
)
def test_an_encoder_of_other_sizes_is_refused(changes, place):
    network = tiny(**PLAIN)
    source = source_of(network, MEAN, STD)
    geometry = Geometry((4, 16, 16), (4, 4, 4), 3)
    with pytest.raises(ArmError, match="2D network that is to be inflated has") as raised:
        inflated_state(network.state_dict(), source, geometry, replace(source.shape, **changes))
    assert raised.value.place == place
    assert "init: scratch" in raised.value.next_step


def test_positions_of_an_oblong_grid_are_not_resampled():
    network = tiny(**PLAIN, img_size=(16, 24))
    source = source_of(network, MEAN, STD)
    assert source.grid == (4, 6)
    kept = encoder_of(network, Geometry((4, 16, 24), (4, 4, 4), 3))
    assert kept.positions.shape == (1, 24, 24)
    with pytest.raises(ArmError, match="grid of 4 x 6 patches is not square"):
        inflated_state(network.state_dict(), source, Geometry((4, 16, 16), (4, 4, 4), 3), source.shape)
