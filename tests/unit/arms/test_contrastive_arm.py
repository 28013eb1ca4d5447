"""The contrastive arm around its backends: what it refuses, which backend it takes, how it uses a small card."""

import json

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.pretraining import pretrain_cohort
from sixgig.arms.vit_contrastive import backends as contrastive_backends
from sixgig.arms.vit_contrastive import pretraining as contrastive
from sixgig.arms.vit_contrastive.arm import ContrastiveViT
from sixgig.arms.vit_contrastive.backends import check_handover
from sixgig.arms.vit_contrastive.process import CardFullError
from sixgig.errors import ArmError, EnvironmentMissingError
from sixgig.gpu.card import Card
from sixgig.plan.config import complete
from sixgig.runtime.atomic import read_json
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.training import SEEN, TRAINING
from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.weights.export import export_vit
from sixgig.weights.loading import load_backbone
from sixgig.weights.storage import write_weights
from tests.unit.contrastive.tiny_contrastive import SETTINGS

CONFIG = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A plain ViT with random weights of some size, so that its features differ between images."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(2)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32)
    state = {name: value + 0.05 * torch.randn_like(value) for name, value in network.state_dict().items()}
    write_weights(folder / "vit.safetensors", state, {"model": "vit_tiny_patch16_224", "data_config": CONFIG})
    other = timm.create_model("test_efficientnet", num_classes=0)
    write_weights(folder / "cnn.safetensors", other.state_dict(), {"model": "test_efficientnet", "data_config": CONFIG})
    return folder


@pytest.fixture
def make(tmp_path, weights):
    """Write a cohort of volumes (or of single images) and return a function that makes jobs on it."""

    def job(volumes=True, subjects=8, pretraining=5, device="cpu", backbone="vit", environment=None, **options):
        random = np.random.default_rng(4)
        per = 2 if volumes else 1
        rows = [
            (f"s{i}-{k}", f"s{i}", "x", f"v{i}" if volumes else None, None, *((k, k) if volumes else (None, None)), "f")
            for i in range(subjects)
            for k in range(per)
        ]
        MANIFEST.write(pd.DataFrame(rows, columns=MANIFEST.column_names[:8]), tmp_path / "manifest.csv")
        roles = [("pretraining", None, None)] * pretraining + [("evaluation", 0, 0)] * (subjects - pretraining)
        splits = [(f"s{i}", "x", *role) for i, role in enumerate(roles)]
        SPLITS.write(pd.DataFrame(splits, columns=SPLITS.column_names), tmp_path / "splits.csv")
        np.save(tmp_path / "images.npy", random.integers(0, 255, (subjects * per, 32, 32, 3), np.uint8))
        if environment is not None:
            (tmp_path / "tensorflow1.json").write_text(json.dumps(environment))
        (tmp_path / "tensorflow1.python").write_text("/the/python\n")
        stanza = {"weights": "vit", "batch_size": 4, "steps": 2, "warmup_steps": 1, "learning_rate": 1e-3, **options}
        cohort = {"adapter": "elpv", "source": {"path": "x"}}
        config = {"study": "x", "cohorts": {"c": cohort}, "controls": {"random_vit": False}}
        source = {"source": {"hub": {}}, "converter": "timm", "model": "vit_tiny_patch16_224"}
        study = complete(
            {**config, "weights": {"vit": source}, "arms": {"vit_contrastive": stanza}, "image": {"size": 32}}
        )
        return PretrainJob(
            study="x", cohort="c", arm="vit_contrastive", options=study["arms"]["vit_contrastive"],
            cohort_options={"partitions": 2}, scope="inductive", weights=weights / f"{backbone}.safetensors",
            images=tmp_path / "images.npy", volumes=None,
            manifest=tmp_path / "manifest.csv", splits=tmp_path / "splits.csv",
            environment=tmp_path / "tensorflow1.json", python=tmp_path / "tensorflow1.python",
            checkpoints=tmp_path / ".checkpoints", tracking=None, device=device, memory_limit_mb=3072, seed=1,
            threads=1, digest="d",
        )  # fmt: skip

    return job


def found(device="cpu", usable=True, **changes):
    versions = {"python": "3.7.16", "tensorflow": "1.15.5", "numpy": "1.18.5"}
    return {"usable": usable, "device": device, "versions": versions, "fallbacks": [], **changes}


def test_trained_with_torch_from_end_to_end(make, tmp_path, weights):
    job = make(backend="torch")
    pretrain_cohort(
        job, tmp_path / "out.safetensors", tmp_path / "out.csv", tmp_path / "out.npz", tmp_path / "seen.csv"
    )
    training = read_json(tmp_path / "out.json")["pretraining"]
    assert (training["status"], training["backend"], training["loss"]) == ("ok", "torch", "g_d")
    assert SEEN.read(tmp_path / "seen.csv")["row"].tolist() == job.pools()[0].index.tolist()
    assert training["evidence"]["measure"] == "partition"
    assert TRAINING.read(tmp_path / "out.csv")["step"].tolist() == [1, 2]
    before, after = (load_backbone(path, 32).state_dict() for path in (job.weights, tmp_path / "out.safetensors"))
    assert not torch.equal(before["blocks.11.mlp.fc2.weight"], after["blocks.11.mlp.fc2.weight"])
    encoder = ContrastiveViT().load(tmp_path / "out.safetensors", 32, job.options, 1)
    assert ContrastiveViT().features_of(encoder.network, torch.zeros(2, 3, 32, 32), job.options).shape == (2, 192)


def test_cohort_without_volumes_gets_simclr_and_says_so(make):
    trained = ContrastiveViT().pretrain(make(volumes=False, backend="torch"))
    assert trained.facts["loss"] == "g_r"
    assert trained.facts["evidence"]["measure"] == "view"
    assert "the loss is g_r" in trained.facts["notes"][0]


def test_small_grids_of_the_local_loss_are_told():
    settings = SETTINGS._replace(local_steps=1)
    (note,) = contrastive._local_notes(settings, (8, 8))
    assert note.startswith(
        "the local loss is on a grid of 8 x 8 patches, the published one on 12 x 12: here a negative"
    )
    assert "shares 2.3 of 9 patches" in note
    assert contrastive._local_notes(settings, (12, 12)) == []
    assert contrastive._local_notes(settings._replace(local_steps=0), (8, 8)) == []
    (other,) = contrastive._local_notes(settings._replace(reference_regions=True), (12, 12))
    assert other == (
        "reference_regions: the local stage trains its heads alone, as published (a ViT has no decoder), so the "
        "features are those of the global stage"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "cnn"}, r"test_efficientnet.*(\n.*)*vit_\*_patch"),
        ({"frozen_blocks": 12}, r"frozen_blocks: is 12, and the backbone has 12 blocks"),
        ({"pretraining": 0}, r"no pretraining subjects"),
        ({"pretraining": 3}, r"batch_size"),
        ({"batch_size": 3}, r"3 is not a multiple of the cohort's 2 partitions"),
        ({"local_steps": 1}, r"7"),
    ],
)
def test_what_cannot_work_is_refused_before_training(make, changes, message):
    with pytest.raises(ArmError, match=message):
        ContrastiveViT().pretrain(make(backend="torch", **changes))


@pytest.mark.parametrize(
    ("environment", "device", "action", "wanted"),
    [
        (found(), "cpu", "fail", "tensorflow1"),
        (found("cuda"), "cuda", "fail", "tensorflow1"),
        (found(fallbacks=["CPU instead of GPU: no CUDA"]), "auto", "fail", "tensorflow1"),
        (found(usable=False, reason="wrong version"), "cpu", "torch", "torch"),
        (found(fallbacks=["CPU instead of GPU: no CUDA"]), "cuda", "torch", "torch"),
    ],
)
def test_backend_follows_what_the_check_found(make, environment, device, action, wanted):
    job = make(environment=environment, device=device, on_missing_environment=action)
    backend, _, fallbacks = contrastive.choose_backend(job)
    assert backend == wanted
    assert bool(fallbacks) == (wanted == "torch" or bool(environment["fallbacks"]))


def test_an_unusable_environment_stops_or_skips(make):
    broken = found(usable=False, reason="has TensorFlow 2.4.0")
    with pytest.raises(EnvironmentMissingError, match=r"has TensorFlow 2.4.0\n  Next step: run `make setup`, or set"):
        contrastive.choose_backend(make(environment=broken))
    with pytest.raises(ArmError, match=r"has TensorFlow 2.4.0 \(skipped"):
        contrastive.choose_backend(make(environment=broken, on_missing_environment="skip"))
    no_card = found(fallbacks=["CPU instead of GPU: this build of TensorFlow has no CUDA"])
    with pytest.raises(EnvironmentMissingError, match=r"TensorFlow 1.15.5 cannot use the GPU \(CPU instead"):
        contrastive.choose_backend(make(environment=no_card, device="cuda"))


class SmallCard:
    """Stands in for the TensorFlow process on a card that takes a few images at a time."""

    def __init__(self, python, folder, threads, report, variables, cool_down):
        assert python == "/the/python"
        assert variables == {"CUDA_VISIBLE_DEVICES": "GPU-test-contrastive-arm"}  # the card that is locked
        self.report = report

    def train(self, job):
        SmallCard.jobs.append(job)
        if job["use_gpu"] and job["settings"]["micro_batch_size"] > SmallCard.fits:
            raise CardFullError
        arrays, facts = read_arrays(job["weights"])
        write_arrays(job["output"], arrays, facts)
        network = load_backbone(SmallCard.weights, 32)
        pools, _ = read_arrays(job["pools"])
        rows = pools["pretraining_row"][:2]
        images = torch.from_numpy(np.load(job["images"])[rows]).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            features = network.forward_features((images - 0.5) / 0.5)[:, 0].numpy()
        write_arrays(job["handover"], {"rows": rows, "features": features}, {})
        self.report({"event": "step", "step": 1, "steps": 1, "loss": 2.0, "learning_rate": 0.1})
        history = [[1, "global", 2.0, 0.1]]
        with open(job["facts"], "w") as stream:
            json.dump({"history": history, "steps": 1, "fallbacks": [], "notes": []}, stream)


@pytest.fixture
def small_card(monkeypatch, weights, tmp_path):
    monkeypatch.setattr("sixgig.gpu.lock.FOLDER", tmp_path)
    SmallCard.jobs, SmallCard.fits, SmallCard.weights = [], 4, weights / "vit.safetensors"
    monkeypatch.setattr(contrastive_backends, "Tensorflow1Process", SmallCard)
    monkeypatch.setattr(contrastive_backends, "first_card", lambda: Card("RTX 3050", "test-contrastive-arm", 6144.0))
    return SmallCard


def test_full_card_gets_smaller_passes_of_the_same_batch(make, small_card):
    trained = ContrastiveViT().pretrain(make(environment=found("cuda"), device="cuda"))
    assert [job["settings"]["micro_batch_size"] for job in small_card.jobs] == [16, 8, 4]
    assert {job["settings"]["batch_size"] for job in small_card.jobs} == {4}
    assert {job["memory_fraction"] for job in small_card.jobs} == {0.5}  # the limit is half of this card
    assert {job["checkpoints"] for job in small_card.jobs} == {small_card.jobs[0]["checkpoints"]}
    assert trained.facts["fallbacks"][-1] == "out of GPU memory at batch size 8: batch size 4"
    assert (trained.facts["device"], trained.facts["dtype"]) == ("cuda", "float16")


def test_a_card_that_is_too_small_leaves_it_to_the_cpu(make, small_card):
    small_card.fits = 0
    trained = ContrastiveViT().pretrain(make(environment=found("cuda"), device="cuda"))
    assert not small_card.jobs[-1]["use_gpu"]
    assert small_card.jobs[-1]["settings"]["precision"] == "float32"
    assert "ran on the CPU" in trained.facts["fallbacks"][-1]
    assert trained.facts["device"] == "cpu"


def test_features_that_differ_between_the_environments_are_not_used(make, tmp_path, weights):
    job = make(environment=found())
    network = load_backbone(job.weights, 32)
    arrays, architecture = export_vit(network, (0.5,) * 3, (0.5,) * 3)
    training = contrastive._prepare(job, arrays, architecture)
    rows = np.arange(2)
    wrong = np.ones((2, 192), np.float32)
    write_arrays(tmp_path / "handover.npz", {"rows": rows, "features": wrong}, {})
    with pytest.raises(ArmError, match="differ by .* from those in TensorFlow 1"):
        check_handover(training, arrays, tmp_path / "handover.npz", "float32")


def test_passes_on_a_cpu_stay_within_the_memory_of_a_laptop(make):
    job = make(environment=found())
    arrays, architecture = export_vit(load_backbone(job.weights, 32), (0.5,) * 3, (0.5,) * 3)
    training = contrastive._prepare(job, arrays, architecture)
    assert training.first_micro_batch("cpu") == training.batch_images() == 16
    large = {**architecture, "grid": [14, 14], "width": 768, "mlp_width": 3072, "heads": 12}
    per_pass = contrastive_backends.Training(**{**vars(training), "architecture": large}).first_micro_batch("cpu")
    assert 4 <= per_pass < 16
    asked = make(environment=found(), micro_batch_size=3)
    assert contrastive._prepare(asked, arrays, architecture).first_micro_batch("cuda") == 3


def test_arms_module_loads_nothing_heavy():
    """An arm's metadata is read for every plan, and on machines that have only torch, timm and NumPy."""
    import subprocess
    import sys

    heavy = {"pandas", "torch", "mlflow", "timm"}
    code = f"import sys, sixgig.arms.vit_contrastive.arm; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
