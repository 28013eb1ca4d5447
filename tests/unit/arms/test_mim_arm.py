"""Masked image modelling around its core: first weights, modes, the ladder, encoding what was trained."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.pretraining import pretrain_cohort
from sixgig.arms.registry import get_arm
from sixgig.arms.run import encode_cohort
from sixgig.arms.vit_mim import pretraining as mim
from sixgig.arms.vit_mim.arm import MaskedViT
from sixgig.errors import ArmError
from sixgig.gpu.device import Device
from sixgig.gpu.ladder import Rung
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.settings import Settings
from sixgig.plan.config import complete
from sixgig.runtime.atomic import read_json
from sixgig.runtime.digests import file_sha256
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features
from sixgig.tables.training import SEEN, TRAINING
from sixgig.weights.storage import write_weights

CONFIG = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(2)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32)
    state = {name: value + 0.02 * torch.randn_like(value) for name, value in network.state_dict().items()}
    write_weights(folder / "vit.safetensors", state, {"model": "vit_tiny_patch16_224", "data_config": CONFIG})
    other = timm.create_model("test_efficientnet", num_classes=0)
    write_weights(folder / "cnn.safetensors", other.state_dict(), {"model": "test_efficientnet", "data_config": CONFIG})
    return folder


@pytest.fixture
def make(tmp_path, weights):
    """Write a cohort of two frames a subject, and return a function that makes jobs on it."""
    random = np.random.default_rng(4)
    rows = [
        (f"s{i}-{frame}-{k}", f"s{i}", "x", f"v{i}{frame}", frame, k, k, "f")
        for i in range(6)
        for frame in ("ED", "ES")
        for k in range(2)
    ]
    MANIFEST.write(pd.DataFrame(rows, columns=MANIFEST.column_names[:8]), tmp_path / "manifest.csv")
    roles = [("pretraining", None, None)] * 3 + [("evaluation", 0, 0)] * 3
    splits = [(f"s{i}", "x", *role) for i, role in enumerate(roles)]
    SPLITS.write(pd.DataFrame(splits, columns=SPLITS.column_names), tmp_path / "splits.csv")
    np.save(tmp_path / "images.npy", random.integers(0, 255, (24, 32, 32, 3), np.uint8))
    np.save(tmp_path / "volumes.npy", random.random((12, 8, 16, 20, 2)).astype(np.float16))

    def job(volumes=True, backbone="vit", **options):
        stanza = {
            "weights": "vit", "batch_size": 2, "steps": 2, "warmup_steps": 1, "crop": [8, 16, 16], "patch": [4, 8, 8],
            "decoder": {"width": 32, "depth": 1, "heads": 2, "mlp_width": 64}, **options,
        }  # fmt: skip
        cohort = {"adapter": "acdc", "source": {"path": "x"}, "volume": {"size": [8, 16, 20]}}
        source = {"source": {"hub": {}}, "converter": "timm", "model": "vit_tiny_patch16_224"}
        study = complete(
            {
                "study": "x", "cohorts": {"c": cohort}, "weights": {"vit": source}, "arms": {"vit_mim": stanza},
                "controls": {"random_vit": False}, "image": {"size": 32},
            }
        )  # fmt: skip
        resolved = get_arm("vit_mim").options_for(study["arms"]["vit_mim"], "c", cohort if volumes else {})
        return PretrainJob(
            study="x", cohort="c", arm="vit_mim", options=resolved, cohort_options={"partitions": 2},
            scope="inductive", weights=weights / f"{backbone}.safetensors", images=tmp_path / "images.npy",
            volumes=tmp_path / "volumes.npy" if volumes else None, manifest=tmp_path / "manifest.csv",
            splits=tmp_path / "splits.csv", environment=None, python=None, checkpoints=tmp_path / ".checkpoints",
            tracking=None, device="cpu", memory_limit_mb=6144, seed=1, threads=1, digest="d",
        )  # fmt: skip

    return job


def train(job, folder):
    pretrain_cohort(job, folder / "out.safetensors", folder / "out.csv", folder / "out.npz", folder / "seen.csv")
    return read_json(folder / "out.json")["pretraining"]


def encode(job, folder, **options):
    fields = {name: getattr(job, name) for name in ("cohort", "arm", "images", "volumes", "manifest", "checkpoints")}
    fields |= {name: getattr(job, name) for name in ("device", "memory_limit_mb", "seed", "threads", "digest")}
    stanza = {**job.options, **options}
    encode_cohort(
        EncodeJob(**fields, options=stanza, weights=folder / "out.safetensors"), folder / "f.npz", folder / "f.npy"
    )
    return (*read_features(folder / "f.npz"), json.loads((folder / "f.json").read_text()))


@pytest.mark.parametrize("objective", ["mae", "simmim"])
@pytest.mark.parametrize(("modalities", "width"), [("channels", 192), ("separate", 384)])
def test_trained_and_encoded_in_3d(make, tmp_path, objective, modalities, width):
    job = make(objective=objective, modalities=modalities, per_cohort={"c": {"crop": [8, 16, 16]}})
    facts = train(job, tmp_path)
    assert (facts["status"], facts["mode"], facts["loss"], facts["steps"]) == ("ok", "volume", objective, 2)
    assert set(facts["reconstruction"]["after"]) == {"network", "mean_of_visible", "nearest_visible_patch"}
    assert facts["predicted"]["memory_mb"] > 0
    assert TRAINING.read(tmp_path / "out.csv")["stage"].tolist() == ["mim", "mim"]
    seen = SEEN.read(tmp_path / "seen.csv")
    allowed = job.pools()[0]["volume_id"].unique()
    assert (set(seen["array"]), seen["row"].tolist()) == ({"volumes"}, [job.volume_names().index(v) for v in allowed])
    with np.load(tmp_path / "out.npz") as pictures:
        assert pictures["original_0"].shape[0] == pictures["reconstruction_2"].shape[0] == 3
        assert len(pictures.files) == 9
    assert not job.checkpoints.exists()
    features, subjects, sidecar = encode(job, tmp_path)
    assert features.shape == (6, 2 * width)  # ED and ES
    assert sidecar["status"] == "ok"
    assert sidecar["n_images"] == 12  # volumes
    assert list(subjects) == [f"s{i}" for i in range(6)]
    assert sidecar["weights"]["pretraining"]["mode"] == "volume"


def test_trained_on_slices_it_encodes_as_a_network_of_timm(make, tmp_path):
    job = make(volumes=False)
    facts = train(job, tmp_path)
    assert facts["mode"] == "slices"
    assert "trained on slices" in facts["notes"][0]
    features, _, sidecar = encode(job, tmp_path, token="cls")
    assert features.shape == (6, 2 * 192)
    assert sidecar["n_images"] == 24


@pytest.mark.parametrize("volumes", [True, False])
def test_first_weights(make, weights, tmp_path, volumes):
    images = 32
    inflated = mim._first_network(make(volumes=volumes), np.zeros((1, 8, 16, 20, 2)) if volumes else None, images)
    scratch = mim._first_network(
        make(volumes=volumes, init="scratch", encoder={"depth": 3, "width": 96, "heads": 3, "mlp_width": 128}),
        np.zeros((1, 8, 16, 20, 2)) if volumes else None, images,
    )  # fmt: skip
    assert inflated.encoder.geometry.dimensions == (3 if volumes else 2)
    assert (len(inflated.encoder.blocks), len(scratch.encoder.blocks)) == (12, 3)
    flat = mim.load_backbone(weights / "vit.safetensors", 32)
    assert torch.equal(inflated.encoder.blocks[0].mlp.fc1.weight, flat.blocks[0].mlp.fc1.weight)
    assert inflated.encoder.prefix_tokens == (0 if volumes else 1)


def test_an_encoder_of_another_training_is_a_beginning(make, tmp_path):
    train(make(), tmp_path)
    file = {"path": str(tmp_path / "out.safetensors"), "sha256": file_sha256(tmp_path / "out.safetensors")}
    again = make(init="file", init_file=file)
    network = mim._first_network(again, np.load(again.volumes, mmap_mode="r"), 32)
    trained = mim.load_volume_encoder(
        tmp_path / "out.safetensors", read_json(tmp_path / "out.json")["pretraining"]["encoder"]
    )
    assert torch.equal(network.encoder.patch_embedding.weight, trained.patch_embedding.weight)
    changed = make(init="file", init_file={**file, "sha256": "0" * 64})
    with pytest.raises(ArmError, match=r"init_file: .* has sha256 .*(\n.*)*name the right file"):
        mim._first_network(changed, np.load(again.volumes, mmap_mode="r"), 32)
    smaller = make(init="file", init_file=file, patch=[4, 4, 4])
    with pytest.raises(ArmError, match="does not hold an encoder of this size"):
        mim._first_network(smaller, np.load(again.volumes, mmap_mode="r"), 32)


def test_trained_as_published_it_says_so_and_encodes_z_scores(make, tmp_path):
    job = make(reference=True)
    facts = train(job, tmp_path)
    assert (facts["status"], facts["reference"], facts["settings"]["reference"]) == ("ok", True, True)
    assert facts["encoder"]["shape"]["reference"] is True
    assert (facts["encoder"]["mean"], facts["encoder"]["std"]) == ([0.0, 0.0], [1.0, 1.0])
    assert any("trained as published" in note for note in facts["notes"])
    encoder = mim.load_volume_encoder(tmp_path / "out.safetensors", facts["encoder"])
    assert {module.eps for module in encoder.modules() if isinstance(module, torch.nn.LayerNorm)} == {1e-5}
    features, _, sidecar = encode(job, tmp_path)
    assert features.shape == (6, 2 * 192)
    assert sidecar["status"] == "ok"
    plain = train(make(), tmp_path)
    assert (plain["reference"], plain["settings"]["reference"], plain["encoder"]["shape"]["reference"]) == (False,) * 3


@pytest.mark.parametrize("reference", [True, False])
def test_an_encoder_trained_the_other_way_is_no_beginning(make, tmp_path, reference):
    train(make(reference=reference), tmp_path)
    file = {"path": str(tmp_path / "out.safetensors"), "sha256": file_sha256(tmp_path / "out.safetensors")}
    volumes = np.load(tmp_path / "volumes.npy", mmap_mode="r")
    same = mim._first_network(make(init="file", init_file=file, reference=reference), volumes, 32)
    assert same.encoder.shape.reference is reference
    was, now = ("with", "false") if reference else ("without", "true")
    message = rf"arms.vit_mim.reference: is {now}, and .* was trained {was} it(.|\n)*set it to {str(reference).lower()}"
    with pytest.raises(ArmError, match=message):
        mim._first_network(make(init="file", init_file=file, reference=not reference), volumes, 32)


def test_checkpoints_of_a_published_training_are_its_own(make, monkeypatch):
    folders = []

    def stop(self, **key):
        folders.append(key)
        raise ArmError("stop", "here", "now")

    monkeypatch.setattr(PretrainJob, "checkpoint_folder", stop)
    for reference in (False, True):
        with pytest.raises(ArmError, match="stop"):
            mim.pretrain(make(reference=reference))
    assert [key["first"]["reference"] for key in folders] == [False, True]
    assert [key["settings"]["reference"] for key in folders] == [False, True]


def test_slices_trained_as_published_are_encoded_with_the_same_norms(make, tmp_path):
    job = make(volumes=False, reference=True)
    facts = train(job, tmp_path)
    assert (facts["mode"], facts["status"]) == ("slices", "ok")
    loaded = MaskedViT().load(tmp_path / "out.safetensors", 32, job.options, 1)
    assert {module.eps for module in loaded.network.modules() if isinstance(module, torch.nn.LayerNorm)} == {1e-5}
    assert encode(job, tmp_path)[2]["status"] == "ok"


def test_equal_trainings_give_equal_weights(make, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train(make(), tmp_path / name)
    assert (tmp_path / "a/out.safetensors").read_bytes() == (tmp_path / "b/out.safetensors").read_bytes()


def test_unsupported_backbone_is_named(make, tmp_path):
    status = train(make(backbone="cnn"), tmp_path)["status"]
    assert status.startswith("failed: ")
    assert "vit" in status.lower()
    features, _, sidecar = encode(make(backbone="cnn"), tmp_path)
    assert len(features) == 0
    assert sidecar["status"].startswith("failed: training: ")


def test_a_full_card_gets_smaller_passes_then_checkpointing_then_the_cpu(make):
    geometry, shape = Geometry((8, 16, 16), (4, 8, 8), 2), Shape(192, 12, 3, 768)
    settings = Settings.from_stanza(make(batch_size=4).options, precision="bfloat16", seed=1, threads=1)
    on_card = mim._on_rung(settings, Rung(2, "cuda"), geometry, shape)
    assert (on_card.micro_batch, on_card.batch_size, on_card.gradient_checkpointing) == (2, 4, False)
    assert mim._on_rung(settings, Rung(1, "cuda", True), geometry, shape).gradient_checkpointing
    on_cpu = mim._on_rung(settings, Rung(4, "cpu"), geometry, shape)
    assert (on_cpu.precision, on_cpu.micro_batch) == ("float32", 4)


def test_a_cpu_takes_passes_that_fit_a_laptop(make):
    geometry, shape = Geometry((96, 96, 96), (8, 8, 8), 3), Shape(384, 12, 6, 1536)
    settings = dataclasses.replace(
        Settings.from_stanza(make(batch_size=8).options, precision="float32", seed=1, threads=1), batch_size=8
    )
    assert mim._on_rung(settings, Rung(8, "cpu"), geometry, shape).micro_batch < 8


def test_arm_says_what_it_is():
    assert MaskedViT.learns
    assert MaskedViT.seed_batch_size == 4


def test_a_full_card_is_climbed_down_from_and_every_step_recorded(make, tmp_path, monkeypatch):
    """A card that never has room: smaller passes of the same batch, then checkpointing, then the CPU."""
    tried = []
    real = mim.train

    def full(network, source, measured, settings, device, store, report):
        tried.append((settings.micro_batch, settings.batch_size, settings.gradient_checkpointing, device))
        if device == "cuda":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(network, source, measured, settings, device, store, report)

    monkeypatch.setattr("sixgig.gpu.lock.FOLDER", tmp_path)
    monkeypatch.setattr(mim, "choose_device", lambda *_: Device("cuda", "card", "bfloat16", card="test-mim-arm"))
    monkeypatch.setattr(mim, "train", full)
    facts = train(make(batch_size=4), tmp_path)
    assert tried == [
        (4, 4, False, "cuda"), (2, 4, False, "cuda"), (1, 4, False, "cuda"), (1, 4, True, "cuda"), (4, 4, False, "cpu"),
    ]  # fmt: skip
    assert facts["status"] == "fallback"
    assert facts["fallbacks"][0] == "out of GPU memory at batch size 4: batch size 2"
    assert facts["fallbacks"][2:] == [
        "out of GPU memory at batch size 1: gradient checkpointing",
        "out of GPU memory at batch size 1: ran on the CPU",
    ]
    assert (facts["device"], facts["dtype"], facts["batch_size_used"]) == ("cpu", "float32", 4)
