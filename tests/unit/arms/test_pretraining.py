"""The pretraining stage around an arm: what it hands over, what it writes, what becomes of failures."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import sixgig.arms.pretraining as pretraining
from sixgig.arms.base import PretrainedArm, Trained
from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.pretraining import pretrain_cohort
from sixgig.arms.vit_contrastive.arm import ContrastiveViT
from sixgig.errors import ArmError, EnvironmentMissingError, PassingError
from sixgig.runtime.atomic import read_json
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.faults import MemoryShortError
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.training import SEEN, TRAINING
from sixgig.weights.storage import write_weights


@pytest.fixture
def job(tmp_path):
    rows = [(f"s{i}-{k}", f"s{i}", "x", f"v{i}", None, k, k, "f") for i in range(6) for k in range(2)]
    MANIFEST.write(pd.DataFrame(rows, columns=MANIFEST.column_names[:8]), tmp_path / "manifest.csv")
    roles = ["pretraining"] * 2 + ["evaluation"] * 3 + ["pretraining"]
    splits = [(f"s{i}", "x", role, *((0, 0) if role == "evaluation" else (None, None))) for i, role in enumerate(roles)]
    SPLITS.write(pd.DataFrame(splits, columns=SPLITS.column_names), tmp_path / "splits.csv")
    np.save(tmp_path / "images.npy", np.zeros((12, 8, 8, 3), np.uint8))
    config = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    write_weights(tmp_path / "vit.safetensors", {"a": torch.ones(2)}, {"model": "test_vit", "data_config": config})
    return PretrainJob(
        study="tiny", cohort="c", arm="vit_contrastive", options={}, cohort_options={"partitions": 2},
        scope="inductive", weights=tmp_path / "vit.safetensors", images=tmp_path / "images.npy", volumes=None,
        manifest=tmp_path / "manifest.csv", splits=tmp_path / "splits.csv", environment=None, python=None,
        checkpoints=tmp_path / ".checkpoints", tracking=None, device="cpu", memory_limit_mb=6144, seed=1, threads=1,
        digest="d",
    )  # fmt: skip


def run(job, folder, monkeypatch, outcome):
    """Train with an arm that does ``outcome(job)``."""

    class Arm(PretrainedArm):
        name = "vit_contrastive"

        def features_of(self, network, batch, options):
            return network(batch)

        def pretrain(self, job):
            return outcome(job)

    monkeypatch.setattr(pretraining, "get_arm", lambda name: Arm)
    pretrain_cohort(job, folder / "out.safetensors", folder / "out.csv", folder / "out.npz", folder / "seen.csv")
    return read_json(folder / "out.json")


def trained(job):
    folder = job.checkpoint_folder(backend="torch")
    (folder / "step-1").write_text("")
    facts = {"fallbacks": [], "device": "cpu", "batch_size_used": 4, "framework": "PyTorch"}
    return Trained({"a": torch.full((2,), 3.0)}, facts, [(1, "global", 2.5, 1e-4), (2, "global", 2.0, 1e-4)], folder)


def test_weights_curve_and_provenance_are_written_and_the_checkpoints_dropped(job, tmp_path, monkeypatch):
    facts = run(job, tmp_path, monkeypatch, trained)
    assert load_file(tmp_path / "out.safetensors")["a"].tolist() == [3.0, 3.0]
    assert facts["sha256"] == file_sha256(tmp_path / "out.safetensors")
    assert facts["model"] == "test_vit"
    assert facts["source"]["pretraining"]["sha256"] == file_sha256(job.weights)
    assert facts["pretraining"]["status"] == "ok"
    assert facts["pretraining"]["cost"]["stage"] == "pretrain"
    assert facts["pretraining"]["cost"]["batch_size"] == 4
    assert TRAINING.read(tmp_path / "out.csv")["loss"].tolist() == [2.5, 2.0]
    assert not job.checkpoints.exists()


def test_what_was_learned_from_is_kept_by_content(job, tmp_path, monkeypatch):
    images = np.arange(12 * 8 * 8 * 3, dtype=np.uint8).reshape(12, 8, 8, 3)
    np.save(job.images, images)
    rows = job.pools()[0].index.tolist()
    run(job, tmp_path, monkeypatch, lambda job: replace(trained(job), rows=rows))
    seen = SEEN.read(tmp_path / "seen.csv")
    assert seen["row"].tolist() == [0, 1, 2, 3, 10, 11]
    assert seen["sha256"].tolist() == [hashlib.sha256(images[row].tobytes()).hexdigest() for row in rows]
    assert set(seen["array"]) == {"images"}


def test_equal_trainings_give_equal_weights_files(job, tmp_path, monkeypatch):
    run(job, tmp_path / "a", monkeypatch, trained)
    run(job, tmp_path / "b", monkeypatch, trained)
    assert (tmp_path / "a/out.safetensors").read_bytes() == (tmp_path / "b/out.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ArmError("step 17", "the loss is nan", "lower it"), "failed: step 17: the loss is nan"),
        (RuntimeError("shapes\n do not fit"), "failed: RuntimeError: shapes do not fit"),
    ],
)
def test_a_failed_training_fails_the_arm_and_not_the_study(job, tmp_path, monkeypatch, error, status):
    def fail(job):
        raise error

    assert run(job, tmp_path, monkeypatch, fail)["pretraining"]["status"] == status
    assert len(TRAINING.read(tmp_path / "out.csv")) == 0
    with pytest.raises(ArmError, match=status.removeprefix("failed: ")):
        ContrastiveViT().load(tmp_path / "out.safetensors", 8, {}, 1)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            PassingError("the TensorFlow 1 process", "was ended by signal 9 and gave no reason", "run again"),
            PassingError,
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryShortError),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), PassingError),
    ],
)
def test_what_may_pass_fails_the_job_and_keeps_the_checkpoint(job, tmp_path, monkeypatch, error, kind):
    def fail(job):
        trained(job)
        raise error

    with pytest.raises(kind):
        run(job, tmp_path, monkeypatch, fail)
    assert [path.name for path in tmp_path.glob("out.*")] == []
    assert [path.name for path in job.checkpoints.rglob("step-*")] == ["step-1"]


def test_nothing_is_learned_from_a_cohort_that_failed(job, tmp_path, monkeypatch):
    gate = tmp_path / "leakage.json"
    gate.write_text('{"passed": false, "status": "failed: images.npy: copies lie in two folds"}')
    facts = run(replace(job, gate=gate), tmp_path, monkeypatch, trained)
    assert facts["pretraining"]["status"] == "failed: cohort c: images.npy: copies lie in two folds"
    assert load_file(tmp_path / "out.safetensors") == {}
    assert len(SEEN.read(tmp_path / "seen.csv")) == 0


def test_a_missing_environment_stops_the_job(job, tmp_path, monkeypatch):
    def fail(job):
        raise EnvironmentMissingError("python", "missing", "make setup")

    with pytest.raises(EnvironmentMissingError):
        run(job, tmp_path, monkeypatch, fail)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_fallback_is_kept(job, tmp_path, monkeypatch):
    def fall_back(job):
        return Trained({}, {"fallbacks": ["trained with PyTorch instead"]}, [])

    facts = run(job, tmp_path, monkeypatch, fall_back)
    assert (facts["pretraining"]["status"], facts["pretraining"]["fallbacks"]) == (
        "fallback",
        ["trained with PyTorch instead"],
    )


def test_only_pretraining_subjects_may_be_learned_from_and_labels_stay_away(job):
    learn, evaluate = job.pools()
    assert set(learn["subject_id"]) == {"s0", "s1", "s5"}
    assert set(evaluate["subject_id"]) == {"s2", "s3", "s4"}
    assert learn.index.tolist() == [0, 1, 2, 3, 10, 11]  # rows of images.npy
    assert "label" not in learn.columns
    transductive = PretrainJob(**{**vars(job), "scope": "transductive"})
    assert len(transductive.pools()[0]) == 12


@pytest.mark.parametrize("change", [{"seed": 2}, {"digest": "e"}, {"scope": "transductive"}])
def test_checkpoints_of_another_training_are_not_continued(job, change):
    folder = job.checkpoint_folder(backend="torch", steps=3)
    other = PretrainJob(**{**vars(job), **change})
    assert other.checkpoint_folder(backend="torch", steps=3) != folder
    assert job.checkpoint_folder(backend="tensorflow1", steps=3) != folder
