"""MONAI's networks as encoders: names and options, features, sizes, and weights that are loaded whole or not at all."""

import json
import subprocess
import sys

import pytest
import torch
from monai.networks import nets

from sixgig.errors import ConfigError, WeightsError
from sixgig.runtime.digests import file_sha256
from sixgig.weights.build import build_weights
from sixgig.weights.loading import check_model, create_network, load_backbone
from sixgig.weights.monai_layouts import fill
from sixgig.weights.monai_networks import build_network, check_network, crop_fault, features_of, network_names
from sixgig.weights.monai_sizes import volume_network_size

SWIN = {"feature_size": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 3, 4], "window_size": 3}
VIT = {"img_size": [32, 32, 32], "patch_size": 16, "hidden_size": 24, "mlp_dim": 48, "num_layers": 2, "num_heads": 2}
RESNET = {"block": "bottleneck", "layers": [1, 1, 1, 1], "block_inplanes": [4, 8, 8, 16]}
DENSENET = {"init_features": 8, "growth_rate": 4, "block_config": [2, 2, 2, 2]}
CROPS = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(3))


def seeded(build):
    """A whole network of MONAI's, with values that no network of this test is initialised with."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(11)
        network = build().eval()
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.02 * (torch.rand(tensor.shape) - 0.5))
    return network


def pooled(features):
    return features.mean(dim=(2, 3, 4))


def whole_swin():
    network = nets.SwinUNETR(in_channels=1, out_channels=2, **SWIN)
    return network, lambda crops: pooled(network.swinViT(crops, True)[-1])


def whole_vit():
    network = nets.ViT(in_channels=1, **VIT)
    return network, lambda crops: network(crops)[0].mean(dim=1)


def whole_class_token_vit():
    network = nets.ViT(in_channels=1, classification=True, **VIT)

    def features(crops):
        tokens = network.patch_embedding(crops)
        tokens = torch.cat([network.cls_token.expand(len(crops), -1, -1), tokens], dim=1)
        for block in network.blocks:
            tokens = block(tokens)
        return network.norm(tokens)[:, 1:].mean(dim=1)

    return network, features


def whole_unetr():
    own = {"img_size": 32, "hidden_size": 24, "mlp_dim": 48, "num_heads": 2}
    network = nets.UNETR(in_channels=1, out_channels=2, **own)
    return network, lambda crops: network.vit(crops)[0].mean(dim=1)


def whole_resnet():
    network = nets.ResNet(n_input_channels=1, num_classes=3, bias_downsample=False, **RESNET)
    body = torch.nn.Sequential(
        network.conv1, network.bn1, network.act, network.maxpool,
        network.layer1, network.layer2, network.layer3, network.layer4,
    )  # fmt: skip
    return network, lambda crops: pooled(body(crops))


def whole_densenet():
    network = nets.DenseNet(spatial_dims=3, in_channels=1, out_channels=3, **DENSENET)
    return network, lambda crops: pooled(network.features(crops).relu())


def whole_segresnet():
    network = nets.SegResNet(in_channels=1, out_channels=3)
    return network, lambda crops: pooled(network.encode(crops)[0])


def whole_segresnet_ds():
    network = nets.SegResNetDS(in_channels=1, out_channels=3, init_filters=8)
    return network, lambda crops: pooled(network.encoder(crops)[-1])


WHOLE = {
    "SwinUNETR": (whole_swin, SWIN),
    "ViT": (whole_vit, VIT),
    "ViT with class token": (whole_class_token_vit, VIT | {"classification": True}),
    "UNETR": (whole_unetr, {"img_size": 32, "hidden_size": 24, "mlp_dim": 48, "num_heads": 2}),
    "ResNet": (whole_resnet, RESNET | {"bias_downsample": False}),
    "DenseNet": (whole_densenet, DENSENET),
    "SegResNet": (whole_segresnet, {}),
    "SegResNetDS": (whole_segresnet_ds, {"init_filters": 8}),
}
#: Names that are left over from each network: decoders and heads.
HEADS = {
    "SwinUNETR": ("encoder", "decoder", "out."), "ViT": (), "ViT with class token": ("classification_head.",),
    "UNETR": ("encoder", "decoder", "out."), "ResNet": ("fc.",), "DenseNet": ("class_layers.",),
    "SegResNet": ("up_layers.", "up_samples.", "conv_final."), "SegResNetDS": ("up_layers.",),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("container", ["plain", "state_dict of module", "deep"])
def test_the_encoder_of_a_whole_network_gives_the_librarys_own_features(tmp_path, name, container):
    build, options = WHOLE[name]
    holder = {}

    def both():
        network, holder["features"] = build()
        return network

    whole = seeded(both)
    state = whole.state_dict()
    if container == "state_dict of module":
        state = {"epoch": 4, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    if container == "deep":
        state = {"model": {f"student.backbone.{key}": value for key, value in state.items()}}
    model = f"monai:{name.split()[0]}"
    torch.save(state, tmp_path / "source.pth")
    file = {"path": str(tmp_path / "source.pth"), "sha256": file_sha256(tmp_path / "source.pth")}
    spec = {"source": {"file": file}, "model": model, "options": options}
    provenance = build_weights("it", spec, tmp_path / "it.safetensors", tmp_path, 224)
    network = load_backbone(tmp_path / "it.safetensors", 224)
    with torch.inference_mode():
        found, wanted = features_of(model, network, CROPS), holder["features"](CROPS)
    assert wanted.std(dim=0).max() > 1e-5  # the two crops do not look alike to it
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)
    begun = {"plain": "", "state_dict of module": "state_dict.module.", "deep": "model.student.backbone."}[container]
    left = [key.removeprefix(begun) for key in provenance["loaded"]["left_out"]]
    unused = [key for key in left if "norm_cross_attn" not in key]
    assert all(key.startswith(HEADS[name]) for key in unused)
    assert bool(unused) == bool(HEADS[name])
    assert provenance["options"] == options
    assert provenance["data_config"]["channels"] == 1


def swin_ssl(whole):
    """SwinUNETR's self-supervised file (Tang et al. 2022): no `swinViT.`, fc1 and fc2, `module.`, heads of its own."""
    names = {key.removeprefix("swinViT."): value for key, value in whole.state_dict().items() if "swinViT" in key}
    renamed = {key.replace("linear1", "fc1").replace("linear2", "fc2"): value for key, value in names.items()}
    heads = {"rotation_head.weight": torch.zeros(4, 192), "contrastive_head.bias": torch.zeros(512)}
    return {"state_dict": {f"module.{key}": value for key, value in {**renamed, **heads}.items()}}


def test_self_supervised_swin_weights_load_as_by_monais_own_converter():
    random = seeded(lambda: whole_swin()[0])
    file = swin_ssl(random)
    own = nets.SwinUNETR(in_channels=1, out_channels=2, **SWIN).eval()
    own.load_from(file)
    network = build_network("monai:SwinUNETR", SWIN)
    state, left = fill(file["state_dict"], network, "monai:SwinUNETR", "it")
    network.load_state_dict(state)
    assert sorted(left) == ["module.contrastive_head.bias", "module.rotation_head.weight"]
    with torch.inference_mode():
        wanted = pooled(own.swinViT(CROPS, True)[-1])
        torch.testing.assert_close(features_of("monai:SwinUNETR", network, CROPS), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_medicalnets_files_load_whole(depth):
    """MedicalNet's names (`module.conv1.weight`, `module.layer1.0.downsample.0.weight`), as MONAI prepares for them."""
    bias, shortcut = nets.get_medicalnet_pretrained_resnet_args(depth)
    options = {"conv1_t_stride": 2, "shortcut_type": shortcut, "bias_downsample": bias}
    build = getattr(nets, f"resnet{depth}")
    whole = seeded(lambda: build(n_input_channels=1, feed_forward=False, spatial_dims=3, **options))
    # The file's network has no counters of batches and a head for segmentation.
    file = {f"module.{name}": value for name, value in whole.state_dict().items() if "num_batches" not in name}
    file["module.conv_seg.0.weight"] = torch.zeros(2, 2)
    model = f"monai:resnet{depth}"
    network = build_network(model, options)
    state, left = fill(file, network, model, "it")
    network.load_state_dict(state)
    assert left == ["module.conv_seg.0.weight"]
    features = build_network("monai:ResNetFeatures", {"model_name": f"resnet{depth}"})
    features.load_state_dict(fill(file, features, model, "it")[0])
    with torch.inference_mode():
        wanted = whole(CROPS[:1])
        torch.testing.assert_close(features_of(model, network, CROPS[:1]), wanted, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(
            features_of("monai:ResNetFeatures", features, CROPS[:1]), wanted, atol=1e-6, rtol=1e-5
        )


def test_merlins_inflated_resnet_is_monais_with_its_strides():
    """Kernels 3 x 7 x 7 with stride 1 x 2 x 2, no bias in shortcuts: crops are halved 4 times along z, 5 in-plane."""
    options = RESNET | {
        "n_input_channels": 3, "conv1_t_size": [3, 7, 7], "conv1_t_stride": [1, 2, 2], "bias_downsample": False,
    }  # fmt: skip
    network = build_network("monai:ResNet", options)
    assert network.conv1.weight.shape == (4, 3, 3, 7, 7)
    maps = []
    network.layer4.register_forward_hook(lambda module, given, made: maps.append(made.shape[2:]))
    with torch.inference_mode():
        features_of("monai:ResNet", network, torch.zeros(1, 3, 32, 64, 96))
    assert maps == [(2, 2, 3)]
    file = {f"encode_image.i3_resnet.{name}": value for name, value in network.state_dict().items()}
    file["encode_image.i3_resnet.contrastive_head.weight"] = torch.zeros(2, 2)
    assert fill(file, network, "it", "it")[1] == ["encode_image.i3_resnet.contrastive_head.weight"]


def test_older_files_may_hold_a_cross_attention_that_is_not_used():
    """As MONAI's `ViT.load_old_state_dict` drops it."""
    network = build_network("monai:ViT", VIT)
    file = dict(network.state_dict()) | {"blocks.0.cross_attn.to_q.weight": torch.zeros(2, 2)}
    assert fill(file, network, "monai:ViT", "it")[1] == ["blocks.0.cross_attn.to_q.weight"]
    assert not any("cross_attn" in name for name in network.state_dict())


def refused(model, options, change, match):
    network = build_network(model, options)
    file = dict(network.state_dict())
    change(file)
    with pytest.raises(WeightsError, match=match):
        fill(file, network, model, "weights.it")


def test_a_missing_tensor_is_named_with_the_nearest_that_there_is():
    def rename(file):
        file["layer4.0.conv7.weight"] = file.pop("layer4.0.conv3.weight")

    refused("monai:ResNet", RESNET, rename, r"1 of \d+ tensors .*first: layer4.0.conv3.weight.*nearest.*conv7")


def test_another_number_of_input_channels_is_refused():
    def three(file):
        file["conv1.weight"] = file["conv1.weight"].repeat(1, 3, 1, 1, 1)

    match = r"conv1.weight is \[4, 3, 7, 7, 7\].*needs \[4, 1, 7, 7, 7\](.|\n)*input channels"
    refused("monai:ResNet", RESNET, three, match)


def test_positions_of_another_size_are_refused():
    network = build_network("monai:ViT", VIT | {"img_size": [48, 32, 32]})
    with pytest.raises(WeightsError, match=r"position_embeddings is \[1, 8, 24\](.|\n)*options.img_size"):
        fill(build_network("monai:ViT", VIT).state_dict(), network, "monai:ViT", "it")


def test_of_a_teacher_and_a_student_the_teacher_is_read():
    network, student = build_network("monai:ResNet", RESNET), build_network("monai:ResNet", RESNET, seed=3)
    file = {f"student.{name}": value for name, value in student.state_dict().items()}
    file |= {f"teacher.{name}": value for name, value in network.state_dict().items()}
    state, left = fill(file, network, "monai:ResNet", "it")
    assert torch.equal(state["conv1.weight"], network.state_dict()["conv1.weight"])
    assert len(left) == len(state)
    asked = fill(file, network, "monai:ResNet", "it", prefix="student.")[0]
    assert torch.equal(asked["conv1.weight"], student.state_dict()["conv1.weight"])
    file = {name.replace("student", "a").replace("teacher", "b"): value for name, value in file.items()}
    with pytest.raises(WeightsError, match=r"several parts of it hold the network: `a.`, `b.`\n.*prefix: a\."):
        fill(file, network, "monai:ResNet", "it")


def test_a_class_token_is_not_left_over():
    def token(file):
        file["cls_token"] = torch.zeros(1, 1, 24)

    refused("monai:ViT", VIT, token, r"cls_token is a class token(.|\n)*classification: true")


def test_seeds_decide_random_weights():
    first, same, other = (
        create_network("monai:ViT", 224, seed, VIT).state_dict()["blocks.0.attn.qkv.weight"] for seed in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("model", "options", "match"),
    [
        ("monai:SwinUNETER", {}, r"no 3D network 'monai:SwinUNETER'\n.*monai:SwinUNETR"),
        ("monai:resnet51", {}, r"monai:resnet50"),
        ("monai:SwinUNETR", {"feature_sise": 48}, r"feature_sise: SwinUNETR has no such option.*\n.*feature_size"),
        ("monai:resnet50", {"pretrained": True}, r"options.pretrained: .*no such option"),
        ("monai:SwinUNETR", {"spatial_dims": 2}, r"options.spatial_dims: is always 3"),
        ("monai:ViT", {"img_size": 96}, r"options.patch_size: is missing"),
    ],
)  # fmt: skip
def test_unknown_networks_and_options_are_refused_with_the_nearest(model, options, match):
    with pytest.raises(WeightsError, match=match) as caught:
        check_model(model, "config key weights.it.model", options)
    assert "weights.it" in str(caught.value)


def test_options_that_monai_refuses_name_its_reason():
    with pytest.raises(WeightsError, match="cannot be built: feature_size should be divisible by 12"):
        build_network("monai:SwinUNETR", {"feature_size": 13})


def test_planning_imports_neither_torch_nor_monai():
    code = (
        "import sys; from sixgig.weights.loading import check_model; "
        "check_model('monai:SwinUNETR', 'it', {'feature_size': 48}); "
        "print(sorted({'torch', 'monai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("model", "options", "crop", "nearest"),
    [
        ("monai:SwinUNETR", SWIN, (64, 64, 32), None),
        ("monai:SwinUNETR", {}, (96, 90, 16), [96, 96, 32]),
        ("monai:ViT", VIT, (32, 32, 32), None),
        ("monai:ViT", VIT, (48, 32, 32), [32, 32, 32]),
        ("monai:DenseNet121", {}, (8, 64, 64), [32, 64, 64]),
        ("monai:resnet50", {}, (10, 33, 50), None),
    ],
)
def test_crops_that_a_network_does_not_take(model, options, crop, nearest):
    fault = crop_fault(model, options, crop)
    assert (None if fault is None else fault[1]) == nearest
    network = build_network(model, options)
    if nearest is None:
        with torch.inference_mode():
            assert features_of(model, network, torch.zeros(1, 1, *crop)).isfinite().all()
    elif "SwinUNETR" in model:  # MONAI asks this of the whole network
        with pytest.raises(ValueError, match="divisible"):
            nets.SwinUNETR(in_channels=1, out_channels=1)._check_input_size(crop)
    else:
        with pytest.raises(RuntimeError), torch.inference_mode():
            features_of(model, network, torch.zeros(1, 1, *crop))


def test_operations_are_those_of_the_convolutions():
    """Counted by hand: 2 x kernel x channels in x channels out x voxels out, without norms, activations and pools."""
    options = {"block": "basic", "layers": [1, 1, 1, 1], "block_inplanes": [4, 4, 4, 4], "bias_downsample": False}
    size = volume_network_size("monai:ResNet", json.dumps(options))
    first = 2 * 343 * 1 * 4 * 64**3
    blocks = 2 * 2 * 27 * 4 * 4 * (32**3 + 16**3 + 8**3 + 4**3)
    shortcuts = 2 * 4 * 4 * (16**3 + 8**3 + 4**3)
    assert size.flops == first + blocks + shortcuts
    assert (size.voxels, size.features, size.kind) == (64**3, 4, "convolution")


def test_every_network_that_is_named_can_be_built():
    small = {
        "ViT": VIT, "UNETR": {"img_size": 32, "hidden_size": 12}, "ResNet": RESNET,
        "ResNetFeatures": {"model_name": "resnet10"}, "SwinUNETR": SWIN,
    }  # fmt: skip
    for name in network_names():
        if not name.startswith(("resnet1", "resnet2", "resnet3", "DenseNet2", "resnet50")):
            assert len(build_network(f"monai:{name}", small.get(name, {})).state_dict()) > 1
        check_network(f"monai:{name}", small.get(name, {}), "it")


def test_timms_hub_has_no_networks_of_monai(tmp_path):
    spec = {"source": {"hub": {}}, "model": "monai:SegResNet"}
    with pytest.raises(ConfigError, match="file"):
        build_weights("it", spec, tmp_path / "it.safetensors", tmp_path, 224)
