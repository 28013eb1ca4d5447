"""Which timm backbones the contrastive arm's graph takes, what it gets of them, and the way back."""

from functools import partial

import numpy as np
import pytest
import timm
import torch
from timm.layers import DiffAttention, RmsNorm, SwiGLUPacked
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock, VisionTransformer

from sixgig.errors import ArmError
from sixgig.training.arrays import parameter_shapes
from sixgig.weights.export import export_vit, import_vit

MEAN, STD = (0.5, 0.25, 0.125), (1.0, 2.0, 4.0)


def small_vit(**options):
    kwargs = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 0} | options
    return VisionTransformer(**kwargs).eval()


def test_facts_and_arrays_of_dinov2_with_registers():
    network = timm.create_model("vit_small_patch14_reg4_dinov2", num_classes=0, img_size=56, depth=2).eval()
    arrays, facts = export_vit(network, MEAN, STD)
    assert facts == {
        "model": "vit_small_patch14_reg4_dinov2",
        "image_size": 56,
        "patch_size": 14,
        "grid": [4, 4],
        "width": 384,
        "depth": 2,
        "heads": 6,
        "mlp_width": 1536,
        "class_token": True,
        "register_tokens": 4,
        "position_prefix": False,
        "layer_scale": True,
        "qkv_bias": True,
        "norm_eps": 1e-6,
        "mean": [0.5, 0.25, 0.125],
        "std": [1.0, 2.0, 4.0],
    }
    state = network.state_dict()
    assert set(arrays) == set(state)
    for name, array in arrays.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, state[name].numpy())


def test_arrays_are_copies():
    network = small_vit()
    arrays, _ = export_vit(network, MEAN, STD)
    before = arrays["cls_token"].copy()
    with torch.no_grad():
        network.cls_token.add_(1)
    assert np.array_equal(arrays["cls_token"], before)


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ({}, {"class_token": True, "position_prefix": True, "layer_scale": False, "heads": 3, "mlp_width": 96}),
        ({"class_token": False, "global_pool": "avg", "fc_norm": False}, {"class_token": False}),
        ({"qkv_bias": False, "init_values": 0.1}, {"qkv_bias": False, "layer_scale": True}),
        ({"mlp_ratio": 3, "reg_tokens": 2}, {"mlp_width": 72, "register_tokens": 2, "position_prefix": True}),
        ({"norm_layer": partial(torch.nn.LayerNorm, eps=1e-3)}, {"norm_eps": 1e-3}),
        ({"num_classes": 5, "act_layer": torch.nn.GELU}, {"model": "VisionTransformer"}),
        ({"drop_path_rate": 0.1, "proj_drop_rate": 0.1}, {"depth": 2}),
    ],
)
def test_members_of_the_plain_family(options, facts):
    arrays, found = export_vit(small_vit(**options), MEAN, STD)
    assert found | facts == found
    assert {name: array.shape for name, array in arrays.items()} == dict(parameter_shapes(found))


def with_change(change, **options):
    network = small_vit(**options)
    change(network)
    return network


def more_heads(network):
    network.blocks[1].attn.num_heads, network.blocks[1].attn.head_dim = 2, 12
    network.blocks[1].attn.scale = 12**-0.5


def other_scale(network):
    network.blocks[1].attn.scale = 1.0


def other_eps(network):
    network.blocks[0].norm2.eps = 1e-3


def other_layer_scale(network):
    network.blocks[1].ls1 = torch.nn.Identity()
    network.blocks[1].ls2 = torch.nn.Identity()


def extra_parameter(network):
    network.depth_token = torch.nn.Parameter(torch.zeros(1, 1, 24))


@pytest.mark.parametrize(
    ("build", "trait"),
    [
        (partial(small_vit, pre_norm=True), "norm_pre"),
        (partial(small_vit, mlp_layer=SwiGLUPacked, act_layer="silu"), "block 0 has another MLP .GluMlp"),
        (partial(small_vit, act_layer="quick_gelu"), "block 0 has the activation QuickGELU, not exact GELU"),
        (partial(small_vit, act_layer="gelu_tanh"), "activation GELUTanh"),
        (partial(small_vit, act_layer=partial(torch.nn.GELU, approximate="tanh")), "activation GELU, not exact"),
        (partial(small_vit, qk_norm=True), "qk_norm"),
        (partial(small_vit, scale_attn_norm=True), "scale_attn_norm"),
        (partial(small_vit, scale_mlp_norm=True), "scale_mlp_norm"),
        (partial(small_vit, proj_bias=False), "proj_bias"),
        (partial(small_vit, global_pool="avg"), "fc_norm"),
        (partial(small_vit, global_pool="map"), "attention pooling"),
        (partial(small_vit, pos_embed="none"), "no learned absolute positions"),
        (partial(small_vit, norm_layer=RmsNorm), "RmsNorm"),
        (partial(small_vit, final_norm=False), "Identity in place of the last LayerNorm"),
        (partial(small_vit, block_fn=ResPostBlock), "ResPostBlock"),
        (partial(small_vit, block_fn=ParallelScalingBlock), "ParallelScalingBlock"),
        (partial(small_vit, attn_layer=DiffAttention, num_heads=2), "another attention .DiffAttention"),
        (partial(small_vit, dynamic_img_size=True), "dynamic_img_size"),
        (partial(small_vit, embed_norm_layer="layernorm"), "normalisation of the patch embedding"),
        (partial(small_vit, in_chans=1), "images of 1 channels"),
        (partial(small_vit, img_size=(32, 64)), "not square"),
        (partial(with_change, more_heads), "heads that differ between blocks"),
        (partial(with_change, other_scale), "block 1 has attention scaled by 1.0"),
        (partial(with_change, other_eps), "different eps"),
        (partial(with_change, other_layer_scale, init_values=0.1), "LayerScale that differ between blocks"),
        (partial(with_change, extra_parameter), "1 unexpected .first: depth_token"),
    ],
)
def test_a_trait_outside_the_family_is_named(build, trait):
    with pytest.raises(ArmError, match=trait) as caught:
        export_vit(build(), MEAN, STD)
    assert "vit_*_patch*" in caught.value.next_step
    assert "VisionTransformer" in caught.value.place


@pytest.mark.parametrize(
    ("model", "options", "trait"),
    [
        ("resnet18", {}, "it is a ResNet"),
        ("eva02_tiny_patch14_224", {"depth": 1}, "it is a Eva"),
        ("vit_base_patch16_clip_224", {"depth": 1}, "norm_pre"),
        ("vit_giant_patch14_dinov2", {"depth": 1, "embed_dim": 48, "num_heads": 2, "img_size": 28}, "GluMlp"),
        ("deit_tiny_distilled_patch16_224", {"depth": 1}, "VisionTransformerDistilled"),
        ("vit_tiny_r_s16_p8_224", {"depth": 1}, "HybridEmbed"),
    ],
)
def test_a_backbone_outside_the_family_is_named(model, options, trait):
    network = timm.create_model(model, num_classes=0, **options)
    with pytest.raises(ArmError, match=rf"^backbone {model}: (.|\n)*{trait}"):
        export_vit(network, MEAN, STD)


def test_trained_arrays_come_back_and_the_head_stays():
    source, target = small_vit(), small_vit(num_classes=5)
    arrays, _ = export_vit(source, MEAN, STD)
    trained = {name: array + np.float32(0.01) for name, array in arrays.items()}
    head = target.head.weight.detach().clone()
    import_vit(target, trained)
    again, _ = export_vit(target, MEAN, STD)
    assert set(again) == set(trained)
    assert all(np.array_equal(again[name], trained[name]) for name in trained)
    assert torch.equal(target.head.weight, head)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("blocks.1.attn.qkv.bias"), "1 missing .first: blocks.1.attn.qkv.bias"),
        (lambda arrays: arrays.update(step=np.zeros(1)), "1 unexpected .first: step"),
        (
            lambda arrays: arrays.update({"norm.bias": np.zeros(23)}),
            r"1 of another shape .first: norm.bias is \[23\], must be \[24\]",
        ),
        (
            lambda arrays: arrays.update({"norm.bias": np.full(24, np.nan)}),
            "norm.bias holds values that are not finite",
        ),
    ],
)
def test_arrays_that_do_not_fit_change_nothing(change, message):
    network = small_vit()
    before, _ = export_vit(network, MEAN, STD)
    arrays = {name: array + 1 for name, array in before.items()}
    change(arrays)
    with pytest.raises(ArmError, match=message):
        import_vit(network, arrays)
    after, _ = export_vit(network, MEAN, STD)
    assert all(np.array_equal(after[name], before[name]) for name in before)
