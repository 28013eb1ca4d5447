"""Weights in several files: joined, each file pinned, and a missing one named."""

import hashlib
import json

import pytest
import safetensors.torch
import torch

from sixgig.errors import SixgigError, WeightsError
from sixgig.plan.early import check_weights
from sixgig.weights.build import build_weights
from sixgig.weights.loading import create_network
from sixgig.weights.shards import join_shards, shards_of
from tests.unit.weights.test_hub_repository import REPOSITORY, Hub, build

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def tensors():
    return dict(create_network("test_vit", seed=5).state_dict())


@pytest.fixture
def files(tensors):
    half = len(tensors) // 2
    parts = {FIRST: dict(list(tensors.items())[:half]), SECOND: dict(list(tensors.items())[half:])}
    made = {name: safetensors.torch.save(part, {"format": "pt"}) for name, part in parts.items()}
    index = {"metadata": {"total_size": 1}, "weight_map": {key: name for name, part in parts.items() for key in part}}
    return made | {INDEX: json.dumps(index).encode()}


@pytest.fixture
def spec(files, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    shards = {name: digest(files[name]) for name in (FIRST, SECOND)}
    file = {"path": str(tmp_path / INDEX), "sha256": digest(files[INDEX]), "shards": shards}
    return {"source": {"file": file}, "model": "test_vit", "mean": [0.5], "std": [0.5]}


def test_shards_are_one_file(files, tensors):
    whole, shards = join_shards(files[INDEX], "here", files.__getitem__)
    read = safetensors.torch.load(whole)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert shards == {name: digest(files[name]) for name in (FIRST, SECOND)}


def test_a_local_file_in_shards_is_built_and_every_shard_is_in_the_provenance(spec, files, tensors, tmp_path):
    check_weights({"w": spec})
    facts = build_weights("w", spec, tmp_path / "w.safetensors", tmp_path, 64)
    assert facts["source"]["file"]["shards"] == spec["source"]["file"]["shards"]
    assert facts["source_sha256"] == digest(files[INDEX])
    built = safetensors.torch.load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(built[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("job", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file, folder: (folder / SECOND).unlink(), f"{SECOND}:? cannot be read(.|\n)*put this shard beside"),
        (lambda file, folder: (folder / SECOND).write_bytes(b"x"), f"{SECOND}|shard {SECOND} has sha256"),
        (lambda file, folder: file.pop("shards"), rf"shards: lacks .* {FIRST}(.|\n)*`shards: {{{FIRST}: \w{{64}}, "),
        (lambda file, folder: file["shards"].pop(SECOND), f"shards: lacks the sha256 of the shard {SECOND}"),
        (lambda file, folder: file.update(sha256="0" * 64), "study file pins 0000"),
    ],
)
def test_what_is_missing_or_not_pinned_is_said(spec, tmp_path, change, message, job):
    change(spec["source"]["file"], tmp_path)
    with pytest.raises(SixgigError, match=message):
        build_weights("w", spec, tmp_path / "w.safetensors", tmp_path, 64) if job else check_weights({"w": spec})


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "lacks `weight_map`"),
        ({"weight_map": {"a": "../x.safetensors"}}, r"names the shard '../x.safetensors', which is no"),
        ({"weight_map": {"a": "x.bin"}}, r"'x.bin', which is no safetensors file"),
    ],
)
def test_an_index_that_is_none(index, message):
    with pytest.raises(WeightsError, match=message):
        shards_of(json.dumps(index).encode(), "here")


def test_a_shard_with_other_tensors_is_refused(files):
    files[SECOND] = safetensors.torch.save({"surprise": torch.zeros(2)})
    with pytest.raises(WeightsError, match=rf"here, shard {SECOND}: lacks \d+ tensors .* holds 1 .*surprise"):
        join_shards(files[INDEX], "here", files.__getitem__)


def test_shards_of_the_hub_are_written_down_and_a_missing_one_is_named(files, tmp_path):
    hub = Hub()
    try:
        del hub.files["model.safetensors"]
        hub.files |= files
        (facts,) = build(tmp_path, hub, REPOSITORY)
        shards = {name: digest(files[name]) for name in (FIRST, SECOND)}
        assert (facts["source"]["hub"]["file"], facts["source"]["hub"]["shards"]) == (INDEX, shards)
        record = json.loads((tmp_path / "downloads/hub/some--thing--main.json").read_text())
        assert record["sha256"] == shards | {INDEX: digest(files[INDEX])}
        del hub.files[SECOND]
        (failed,) = build(tmp_path / "other", hub, REPOSITORY)
        assert f"shard {SECOND}: the repository has no such file" in failed["error"]
    finally:
        hub.server.shutdown()
        hub.server.server_close()
