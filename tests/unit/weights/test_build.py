import hashlib
import json
import os

import numpy as np
import pytest
import safetensors.torch
import torch

from sixgig.errors import ConfigError, WeightsError
from sixgig.weights.build import build_weights
from sixgig.weights.loading import create_network, data_config, load_backbone, random_backbone
from sixgig.weights.storage import read_provenance

MODEL = "test_vit"  # timm's own tiny ViT: patch 16, made for 160 px


@pytest.fixture(scope="module")
def trained():
    """A complete tiny ViT with its classifier head, other than the one timm initialises."""
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(7)
        return timm.create_model(MODEL, pretrained=False).eval()


def file_spec(path, model=MODEL, sha256=None):
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    file = {"path": str(path), "sha256": sha256}
    return {"source": {"file": file}, "converter": "timm", "model": model, "mean": [0.5] * 3, "std": [0.5] * 3}


def save(state, path, kind):
    if kind == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
    elif kind == "safetensors":
        safetensors.torch.save_file(state, path)
    elif kind == "half safetensors":
        safetensors.torch.save_file({name: tensor.half() for name, tensor in state.items()}, path)
    elif kind == "module. pth":
        torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.model.{name}": value for name, value in state.items()}}, path)
    return path


@pytest.mark.parametrize("kind", ["npz", "safetensors", "half safetensors", "module. pth", "wrapped pth"])
def test_file_source_in_every_format(tmp_path, trained, kind):
    source = save(trained.state_dict(), tmp_path / f"source.{kind.split()[-1]}", kind)
    output = tmp_path / "weights" / "tiny.safetensors"
    provenance = build_weights("tiny", file_spec(source), output, tmp_path, 160)
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        wanted = trained.forward_head(trained.forward_features(images), pre_logits=True)
        found = load_backbone(output, 160)(images)
    tolerance = 2e-2 if kind.startswith("half") else 1e-6
    torch.testing.assert_close(found, wanted, atol=tolerance, rtol=tolerance)
    assert provenance["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert provenance["source"] == {"file": {"path": f".../{source.name}"}}  # and not the folders of this machine


def test_output_has_provenance_and_equal_bytes(tmp_path, trained):
    source = save(trained.state_dict(), tmp_path / "source.safetensors", "safetensors")
    first, second = (tmp_path / name / "tiny.safetensors" for name in ("a", "b"))
    provenance = build_weights("tiny", file_spec(source), first, tmp_path, 64)
    build_weights("tiny", file_spec(source), second, tmp_path, 64)
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.with_suffix(".json").read_text()) == provenance == read_provenance(first)
    assert provenance["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert provenance["model"] == MODEL
    assert provenance["converter"] == "timm"
    own = {"interpolation": None, "size": 160, "crop": None}  # a bare name: nobody knows what these weights want
    assert data_config(first) == {"mean": [0.5] * 3, "std": [0.5] * 3, **own}
    assert first.stat().st_mode & 0o777 == first.with_suffix(".json").stat().st_mode & 0o777
    with safetensors.safe_open(first, "pt") as stored:
        assert json.loads(stored.metadata()["sixgig"])["model"] == MODEL
        assert "head.weight" not in stored.keys()  # noqa: SIM118 (not a dict)


def test_positions_stay_native_in_the_file_and_follow_the_image_size(tmp_path, trained):
    source = save(trained.state_dict(), tmp_path / "source.safetensors", "safetensors")
    output = tmp_path / "tiny.safetensors"
    build_weights("tiny", file_spec(source), output, tmp_path, 64)
    prefix = trained.num_prefix_tokens
    assert safetensors.torch.load_file(output)["pos_embed"].shape[1] == 100 + prefix
    network = load_backbone(output, 64)
    assert network.pos_embed.shape[1] == 16 + prefix
    assert not network.training


def test_older_checkpoints_without_counters(tmp_path):
    network = create_network("test_resnet", seed=3)
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    source = save(state, tmp_path / "source.pth", "module. pth")
    build_weights("cnn", file_spec(source, "test_resnet"), tmp_path / "cnn.safetensors", tmp_path, 64)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(load_backbone(tmp_path / "cnn.safetensors", 64)(images), network.eval()(images))


def test_wrong_sha256_of_a_file(tmp_path, trained):
    source = save(trained.state_dict(), tmp_path / "source.safetensors", "safetensors")
    with pytest.raises(WeightsError, match=f"pins {'0' * 64}") as caught:
        build_weights("tiny", file_spec(source, sha256="0" * 64), tmp_path / "x.safetensors", tmp_path, 64)
    assert hashlib.sha256(source.read_bytes()).hexdigest() in caught.value.reason
    assert "source of weights.tiny" in caught.value.next_step
    assert not (tmp_path / "x.safetensors").exists()


def test_missing_file(tmp_path):
    spec = file_spec(tmp_path / "none.pth", sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"none\.pth: cannot be read: No such file"):
        build_weights("tiny", spec, tmp_path / "x.safetensors", tmp_path, 64)


@pytest.mark.parametrize("content", [b"", b"text, no weights", b"PK\x03\x04 cut off", b"12345678{no header"])
def test_file_without_weights(tmp_path, content):
    source = tmp_path / "source.pth"
    source.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights") as caught:
        build_weights("tiny", file_spec(source), tmp_path / "x.safetensors", tmp_path, 64)
    assert "weights.tiny" in caught.value.place


def test_pickled_code_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    source = tmp_path / "source.pth"
    torch.save({"x": Attack()}, source)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        build_weights("tiny", file_spec(source), tmp_path / "x.safetensors", tmp_path, 64)
    assert not (tmp_path / "attacked").exists()


def test_checkpoint_without_tensors(tmp_path):
    source = tmp_path / "source.pth"
    torch.save({"epoch": 3}, source)
    with pytest.raises(WeightsError, match="holds no state dict"):
        build_weights("tiny", file_spec(source), tmp_path / "x.safetensors", tmp_path, 64)


def test_misfit_lists_the_first_tensors(tmp_path, trained):
    state = dict(trained.state_dict())
    del state["norm.weight"]
    state["surprise"] = torch.zeros(1)
    state["patch_embed.proj.bias"] = torch.zeros(5)
    source = save(state, tmp_path / "source.safetensors", "safetensors")
    with pytest.raises(WeightsError) as caught:
        build_weights("tiny", file_spec(source), tmp_path / "x.safetensors", tmp_path, 160)
    assert "1 missing (first: norm.weight" in caught.value.reason
    assert "1 unexpected (first: surprise)" in caught.value.reason
    assert "1 of another shape (first: patch_embed.proj.bias is [5], must be [64])" in caught.value.reason
    assert "`model` and `converter`" in caught.value.next_step


def test_values_that_are_not_finite(tmp_path, trained):
    state = {name: value.clone() for name, value in trained.state_dict().items()}
    state["norm.bias"][0] = float("nan")
    source = save(state, tmp_path / "source.safetensors", "safetensors")
    with pytest.raises(WeightsError, match=r"tensor norm\.bias holds values that are not finite"):
        build_weights("tiny", file_spec(source), tmp_path / "x.safetensors", tmp_path, 64)


WHEEL = {"wheel": {"package": "p", "version": "1", "sha256": "0" * 64}}


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"source": {"hub": {}}}, ConfigError, "names no `model`"),
        ({"source": {"ftp": {}}, "model": MODEL}, ConfigError, "`source` is {'ftp'"),
        ({"source": {"hub": {}}, "model": MODEL, "converter": "x"}, ConfigError, "no converter 'x'"),
        ({"source": {"hub": {}}, "model": MODEL, "converter": "dinov2_onnx"}, ConfigError, "need no converter"),
        ({"source": {"hub": {}}, "model": MODEL, "prefix": "x."}, ConfigError, "need no prefix"),
        ({"source": {"hub": {"file": "x"}}, "model": MODEL}, ConfigError, "file but no `repository`"),
        ({"source": {"hub": {"repository": "x"}}, "model": MODEL}, ConfigError, "'x' is not owner and name"),
        ({"source": {"wheels": [WHEEL["wheel"]]}, "model": MODEL}, ConfigError, r"source.wheels\[0\] lacks member"),
        ({"source": WHEEL, "model": MODEL}, ConfigError, "names no `member`"),
        ({"source": {"file": {"path": "x"}}, "model": MODEL}, ConfigError, "source.file lacks sha256"),
        ({"source": {"hub": {}}, "model": "vit_smal_patch14_dinov2"}, WeightsError, "for example .*vit_small_patch14"),
    ],
)
def test_malformed_entries(tmp_path, spec, error, message):
    with pytest.raises(error, match=message):
        build_weights("tiny", spec, tmp_path / "x.safetensors", tmp_path, 64)


def test_image_size_must_fit_the_patches(tmp_path):
    with pytest.raises(WeightsError, match="patches of 16 px, and the image size 100 px") as caught:
        random_backbone(MODEL, 100, seed=0)
    assert caught.value.next_step == "set image.size to 96 or 112"


@pytest.fixture
def built(tmp_path, trained):
    source = save(trained.state_dict(), tmp_path / "source.safetensors", "safetensors")
    output = tmp_path / "tiny.safetensors"
    build_weights("tiny", file_spec(source), output, tmp_path, 64)
    return output


def test_changed_weights_file(built):
    data = bytearray(built.read_bytes())
    data[-1] ^= 1
    built.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"but tiny\.json records") as caught:
        load_backbone(built, 64)
    assert "run snakemake again" in caught.value.next_step


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_missing_or_damaged_provenance(built, content):
    sidecar = built.with_suffix(".json")
    sidecar.unlink()
    if content is not None:
        sidecar.write_text(content)
    with pytest.raises(WeightsError, match=r"tiny\.json: (cannot be read|is not the provenance)"):
        load_backbone(built, 64)


def test_random_backbone_repeats_and_leaves_the_global_generator_alone():
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    first, again, other = (random_backbone(MODEL, 64, seed).state_dict() for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(3), wanted, rtol=0, atol=0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["patch_embed.proj.weight"], other["patch_embed.proj.weight"])


def test_loading_leaves_the_global_generator_alone(built):
    torch.manual_seed(12)
    wanted = torch.rand(3)
    torch.manual_seed(12)
    load_backbone(built, 64)
    torch.testing.assert_close(torch.rand(3), wanted, rtol=0, atol=0)
