"""Published layouts, from networks that the publishers' own libraries build, against those libraries' own tokens."""

import re
from functools import partial

import pytest
import torch
from timm.layers import LayerNorm, SwiGLUPacked
from timm.models import register_model
from timm.models.convnext import ConvNeXt
from timm.models.densenet import DenseNet
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

from sixgig.weights.agreement import check_agreement, set_gelu
from sixgig.weights.fitting import fit
from sixgig.weights.loading import create_network, load_state
from sixgig.weights.positions import TIMM

WIDTH, DEPTH, HEADS, PATCH, SIDE = 32, 3, 2, 8, 32


def small_vit(**options):
    """A narrow ViT of three blocks; layouts differ in the ends and in the names."""
    shape = {"img_size": SIDE, "patch_size": PATCH, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
    return VisionTransformer(**{**shape, "num_classes": 0, "mlp_ratio": 2, **options}).eval()


def shuffled(network, seed=0):
    """Give every parameter and statistic of a network another value, so that no two tensors are alike."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and "index" not in name:
                noise = 0.2 * torch.randn(tensor.shape, generator=generator)
                tensor.copy_(
                    noise.abs() + 0.5 if "running_var" in name or (tensor.ndim == 1 and "weight" in name) else noise
                )
    return network.eval()


def loaded(network, tensors, **options):
    """Load tensors through the loader, and return the network and what the provenance says."""
    state, facts = fit(tensors, network, "weights.x (here)", **options)
    load_state(network, state, TIMM, "here")
    return network.eval(), facts


def images(side=SIDE, count=2):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(9)) * 2 - 1


def assert_tokens(found, wanted):
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() / wanted.abs().max() < 1e-4
    assert wanted.std() > 0.01


def hugging_face(kind, **options):
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=SIDE, patch_size=PATCH,
        attn_implementation="eager", **options,
    )  # fmt: skip
    return shuffled(getattr(transformers, f"{kind}Model")(config))


def published(tensors):
    """Rename what version 5 of transformers calls otherwise into the names of the published files."""
    rules = (
        (r"^layers\.(\d+)\.layernorm", r"encoder.layer.\1.layernorm"),
        (r"^layers\.(\d+)\.mlp\.fc1", r"encoder.layer.\1.intermediate.dense"),
        (r"^layers\.(\d+)\.mlp\.fc2", r"encoder.layer.\1.output.dense"),
        (r"^layers\.", "encoder.layer."),
        (r"attention\.q_proj", "attention.attention.query"),
        (r"attention\.k_proj", "attention.attention.key"),
        (r"attention\.v_proj", "attention.attention.value"),
        (r"attention\.o_proj", "attention.output.dense"),
    )
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, text in rules:
            name = re.sub(pattern, text, name)
        renamed[name] = tensor
    return renamed


@pytest.mark.parametrize("names", [dict, published])
def test_hugging_face_vit(names):
    theirs = hugging_face("ViT", intermediate_size=2 * WIDTH, layer_norm_eps=1e-6)
    tensors = {f"vit.{name}": tensor for name, tensor in names(theirs.state_dict()).items()}
    tensors |= {"classifier.weight": torch.zeros(2, WIDTH), "classifier.bias": torch.zeros(2)}
    assert ("vit.encoder.layer.0.attention.attention.query.weight" in tensors) == (names is published)
    network, facts = loaded(small_vit(), tensors)
    with torch.inference_mode():
        assert_tokens(network.forward_features(images()), theirs(images()).last_hidden_state)
    assert (facts["layout"], facts["prefix"]) == ("huggingface_vit", "vit.")
    assert {"classifier.weight", "classifier.bias"} <= {*facts["heads"], *facts["left_out"]}
    assert {"vit.pooler.dense.weight", "vit.pooler.dense.bias"} == set(facts["heads"])


@pytest.mark.parametrize("names", [dict, published])
def test_hugging_face_dinov2(names):
    theirs = hugging_face("Dinov2", mlp_ratio=2)
    network, facts = loaded(small_vit(init_values=1.0), names(theirs.state_dict()))
    with torch.inference_mode():
        assert_tokens(network.forward_features(images()), theirs(images()).last_hidden_state)
    assert facts["left_out"] == ["embeddings.mask_token"]


@pytest.mark.parametrize("names", [dict, published])
def test_hugging_face_dinov2_with_registers(names):
    theirs = hugging_face("Dinov2WithRegisters", mlp_ratio=2, num_register_tokens=4)
    network = small_vit(init_values=1.0, reg_tokens=4, no_embed_class=True)
    network, facts = loaded(network, names(theirs.state_dict()))
    with torch.inference_mode():
        assert_tokens(network.forward_features(images()), theirs(images()).last_hidden_state)
    assert facts["layout"] == "huggingface_vit"


@pytest.mark.parametrize("names", [("gate_proj", "down_proj"), ("weights_in", "weights_out"), ("w12", "w3")])
def test_dinov2_with_swiglu(names):
    """The giant has gated layers, for which version 5 of transformers, its published files and Meta have own names."""
    theirs = hugging_face("Dinov2", mlp_ratio=4, use_swiglu_ffn=True)
    network = small_vit(init_values=1.0, mlp_layer=SwiGLUPacked, act_layer=torch.nn.SiLU, mlp_ratio=5.5)
    tensors = dict(theirs.state_dict())
    assert "encoder.layer.0.mlp.gate_proj.weight" in tensors
    if names == ("weights_in", "weights_out"):
        for name in [name for name in tensors if "gate_proj" in name]:
            joined = torch.cat([tensors.pop(name), tensors.pop(name.replace("gate_proj", "up_proj"))])
            tensors[name.replace("gate_proj", "weights_in")] = joined
        tensors = {name.replace("down_proj", "weights_out"): tensor for name, tensor in tensors.items()}
    elif names == ("w12", "w3"):
        state, _ = fit(tensors, network, "here")
        tensors = {re.sub(r"mlp\.fc1", "mlp.w12", re.sub(r"mlp\.fc2", "mlp.w3", name)): state[name] for name in state}
        tensors["mask_token"] = torch.zeros(1, WIDTH)
    network, facts = loaded(network, tensors)
    with torch.inference_mode():
        assert_tokens(network.forward_features(images()), theirs(images()).last_hidden_state)
    assert facts["layout"] == ("dinov2" if names == ("w12", "w3") else "huggingface_vit")


@pytest.mark.parametrize("whole", [True, False])
def test_hugging_face_siglip(whole):
    theirs = hugging_face("SiglipVision", intermediate_size=2 * WIDTH, hidden_act="gelu_pytorch_tanh")
    tensors = {f"vision_model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    if whole:
        tensors |= {f"text_model.encoder.layers.{index}.mlp.fc1.weight": torch.zeros(4, 4) for index in range(12)}
        tensors |= {"logit_scale": torch.zeros(1), "logit_bias": torch.zeros(1)}
    network, facts = loaded(small_vit(class_token=False, global_pool="map"), tensors)
    set_gelu(network, check_agreement("x", "x", network, {"config.json": theirs.config.to_dict()}))
    with torch.inference_mode():
        wanted = theirs(images())
        assert_tokens(network.forward_features(images()), wanted.last_hidden_state)
        assert_tokens(network(images()), wanted.pooler_output)
    assert facts["prefix"] == "vision_model."
    left = ["logit_bias", "logit_scale", "text_model.* (12 tensors)"] if whole else []
    assert facts["left_out"] == left


def test_hugging_face_clip():
    theirs = hugging_face("CLIPVision", intermediate_size=2 * WIDTH, hidden_act="quick_gelu")
    tensors = {f"vision_model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    tensors["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    tensors["visual_projection.weight"] = torch.zeros(16, WIDTH)
    network = small_vit(pre_norm=True, act_layer="quick_gelu", norm_layer=partial(LayerNorm, eps=1e-5))
    network, facts = loaded(network, tensors)
    with torch.inference_mode():
        found, wanted = network.forward_features(images()), theirs(images())
        assert_tokens(found[:, 0], wanted.pooler_output)  # after the last norm, which CLIP applies to this token alone
    assert facts["left_out"] == ["vision_model.embeddings.position_ids", "visual_projection.weight"]


def open_clip_model(**vision):
    import open_clip

    tower = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "layers": DEPTH, "head_width": WIDTH // HEADS}
    text = {"context_length": 8, "vocab_size": 32, "width": 16, "heads": 2, "layers": 3}
    if "timm_model_name" in vision:
        tower = {"image_size": SIDE}
    return shuffled(open_clip.CLIP(embed_dim=16, vision_cfg={**tower, **vision}, text_cfg=text))


@pytest.mark.parametrize("wrapped", [False, True])
def test_open_clip(wrapped):
    theirs = open_clip_model(mlp_ratio=2.0, output_tokens=True)
    tensors = dict(theirs.state_dict())
    if wrapped:
        tensors = {f"state_dict.module.{name}": tensor for name, tensor in tensors.items()}
    network = small_vit(pre_norm=True, norm_layer=partial(LayerNorm, eps=1e-5))
    network, facts = loaded(network, tensors)
    with torch.inference_mode():
        projected, patches = theirs.visual(images())
        found = network.forward_features(images())
        assert_tokens(found[:, 1:], patches)
        assert_tokens(found[:, 0] @ theirs.visual.proj, projected)
    assert facts["layout"] == "open_clip"
    assert facts["prefix"] == ("state_dict.module.visual." if wrapped else "visual.")
    assert any(name.startswith("state_dict" if wrapped else "transformer") for name in facts["left_out"])


@register_model
def sixgig_tower(pretrained=False, **options):
    """A small timm ViT, as open_clip builds one for BiomedCLIP."""
    network = small_vit(**{key: options[key] for key in ("global_pool", "img_size") if key in options})
    network.default_cfg = network.pretrained_cfg = {"pool_size": None, "classifier": "head"}
    return network


def test_open_clip_with_a_tower_of_timm():
    theirs = open_clip_model(timm_model_name="sixgig_tower", timm_pool="", timm_proj="linear")
    assert "visual.trunk.blocks.0.attn.qkv.weight" in theirs.state_dict()
    network, facts = loaded(small_vit(), theirs.state_dict())
    with torch.inference_mode():
        assert_tokens(network.forward_features(images()), theirs.visual.trunk.forward_features(images()))
    assert (facts["layout"], facts["prefix"]) == ("timm", "visual.trunk.")
    assert "visual.head.proj.weight" in facts["left_out"]


def torchvision_vit():
    from torchvision.models import VisionTransformer as Theirs

    return shuffled(Theirs(SIDE, PATCH, DEPTH, HEADS, WIDTH, 2 * WIDTH))


@pytest.mark.parametrize("older", [False, True])
def test_torchvision_vit(older):
    theirs = torchvision_vit()
    tensors = dict(theirs.state_dict())
    if older:
        tensors = {
            re.sub(r"mlp\.0", "mlp.linear_1", re.sub(r"mlp\.3", "mlp.linear_2", name)): tensor
            for name, tensor in tensors.items()
        }
    network, facts = loaded(small_vit(), tensors)
    theirs.heads = torch.nn.Identity()
    with torch.inference_mode():
        assert_tokens(network.forward_features(images())[:, 0], theirs(images()))
    assert facts["layout"] == "torchvision_vit"
    assert facts["heads"] == ["heads.head.bias", "heads.head.weight"]


def test_torchvision_swin():
    from torchvision.models.swin_transformer import SwinTransformer as Theirs

    theirs = shuffled(Theirs([4, 4], 16, [2, 2, 2], [2, 2, 2], [4, 4], mlp_ratio=2.0, stochastic_depth_prob=0.0))
    network = SwinTransformer(
        64, 4, embed_dim=16, depths=(2, 2, 2), num_heads=(2, 2, 2), window_size=4, mlp_ratio=2.0, num_classes=0
    ).eval()
    for merging in (layer.downsample for layer in network.layers[1:]):
        assert merging.norm.eps == 1e-5
    network, facts = loaded(network, theirs.state_dict())
    with torch.inference_mode():
        assert_tokens(network.forward_features(images(64)), theirs.norm(theirs.features(images(64))))
    assert facts["layout"] == "torchvision_swin"
    assert any("relative_position_index" in name or "features" in name for name in facts["left_out"])


def test_torchvision_convnext():
    from torchvision.models.convnext import CNBlockConfig
    from torchvision.models.convnext import ConvNeXt as Theirs

    stages = [CNBlockConfig(8, 16, 2), CNBlockConfig(16, 24, 2), CNBlockConfig(24, 32, 1), CNBlockConfig(32, None, 1)]
    theirs = shuffled(Theirs(stages, num_classes=5))
    network = ConvNeXt(depths=(2, 2, 1, 1), dims=(8, 16, 24, 32), num_classes=0)
    network, facts = loaded(network, theirs.state_dict())
    theirs.classifier[2] = torch.nn.Identity()
    with torch.inference_mode():
        assert_tokens(network(images(64)), theirs(images(64)))
    assert facts["layout"] == "torchvision_convnext"
    assert facts["heads"] == ["classifier.2.bias", "classifier.2.weight"]


def radimagenet(network, attribute=None):
    """Children of a network in a row, without its last, as RadImageNet's files for PyTorch have them."""
    children = torch.nn.Sequential(*list(network.children())[:-1])
    return {f"backbone.{name}": tensor for name, tensor in children.state_dict().items()}


@pytest.mark.parametrize("layout", ["torchvision", "radimagenet"])
def test_torchvision_resnet(layout):
    from torchvision.models import resnet18

    theirs = shuffled(resnet18())
    tensors = radimagenet(theirs) if layout == "radimagenet" else theirs.state_dict()
    network, facts = loaded(create_network("resnet18"), tensors)
    theirs.fc = torch.nn.Identity()
    with torch.inference_mode():
        assert_tokens(network(images(64)), theirs(images(64)))
    assert facts["layout"] == ("sequential" if layout == "radimagenet" else "timm")
    assert facts["prefix"] == ("backbone." if layout == "radimagenet" else "")
    assert facts["heads"] == ([] if layout == "radimagenet" else ["fc.bias", "fc.weight"])


@pytest.mark.parametrize("layout", ["torchvision", "older torchvision", "radimagenet"])
def test_torchvision_densenet(layout):
    from torchvision.models import DenseNet as Theirs

    theirs = shuffled(Theirs(8, (2, 2), 16, num_classes=3))
    tensors = radimagenet(theirs) if layout == "radimagenet" else dict(theirs.state_dict())
    if layout == "older torchvision":
        tensors = {
            re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): tensor for name, tensor in tensors.items()
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in tensors
    network, facts = loaded(DenseNet(growth_rate=8, block_config=(2, 2), num_classes=0), tensors)
    theirs.classifier = torch.nn.Identity()
    with torch.inference_mode():
        assert_tokens(network(images(64)), theirs(images(64)))
    assert facts["prefix"] == ("backbone." if layout == "radimagenet" else "")
