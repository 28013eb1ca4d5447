"""What is unwrapped, chosen and refused, on a small ViT under timm's names."""

import re

import pytest
import torch

from sixgig.errors import WeightsError
from sixgig.weights.fitting import fit
from sixgig.weights.loading import create_network
from sixgig.weights.reading import read_tensors

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
    assert facts["heads"] == ["model.* (9 tensors)"]


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
    """The class token takes its position, as timm has it; and SwiGLU's matrices get timm's names."""
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
    assert "without patient data" in caught.value.next_step
