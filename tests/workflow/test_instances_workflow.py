"""Many arms of a kind through the real DAG: two of one kind, a learning kind twice, sparse codes of a trained arm."""

import json

import numpy as np
import pytest
import yaml
from conftest import RUN, snakemake

from sixgig.results.study import Study
from sixgig.runtime.digests import file_sha256
from sixgig.tables.budget import BUDGET
from sixgig.tables.features import read_features
from sixgig.tables.scores import SUMMARY

ARMS = [
    "conv", "tokens", "class_token", "short", "long", "codes", "control_random_efficientnet", "control_random_vit",
]  # fmt: skip


@pytest.fixture(scope="module")
def other_start(tmp_path_factory):
    """An entry of `weights` with other values than the tiny study's for the same network."""
    import timm
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("other") / "vit_tiny_patch16_224.safetensors"
    torch.manual_seed(6)
    save_file(timm.create_model(path.stem, num_classes=0).state_dict(), path)
    file = {"path": str(path), "sha256": file_sha256(path)}
    return {"source": {"file": file}, "converter": "timm", "model": path.stem, "mean": [0.5] * 3, "std": [0.5] * 3}


@pytest.fixture(scope="module")
def config(tiny_config, other_start):
    trained = tiny_config["arms"]["vit_contrastive"] | {"kind": "vit_contrastive", "backend": "torch"}
    return {
        **tiny_config,
        "title": "Instances",
        "weights": tiny_config["weights"] | {"other": other_start},
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "arms": {
            "long": {**trained, "steps": 4, "weights": "other"},
            "codes": {"kind": "vit_sparse", "source": "short", "atoms": 6, "nonzeros": 2, "epochs": 2},
            "short": {**trained, "steps": 2},
            "tokens": {"kind": "vit_pure", "weights": "vit", "token": "mean", "batch_size": 8},
            "class_token": {"kind": "vit_pure", "weights": "vit", "batch_size": 8, "title": "Class token"},
            "conv": {"kind": "baseline_cnn", "weights": "cnn", "batch_size": 4},
        },
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}},
        "tracking": {"mlflow": False},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config):
    folder = tmp_path_factory.mktemp("instances")
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN)
    return folder


def sidecar(folder, arm):
    return json.loads((folder / f"results/tiny/features/brats_phantom/{arm}.json").read_text())


def rows(folder, arm):
    return read_features(folder / f"results/tiny/features/brats_phantom/{arm}.npz")[0]


def test_every_instance_has_features_and_scores_of_its_own(folder):
    summary = SUMMARY.read(folder / "results/tiny/summary.csv")
    assert set(summary["status"]) == {"ok"}
    assert set(summary["arm"]) == {*ARMS, "control_majority_class"}
    assert {arm: sidecar(folder, arm)["arm"] for arm in ARMS} == {arm: arm for arm in ARMS}
    assert not np.array_equal(rows(folder, "tokens"), rows(folder, "class_token"))
    trained = {arm: sidecar(folder, arm)["weights"] for arm in ("short", "long")}
    assert {arm: found["pretraining"]["steps"] for arm, found in trained.items()} == {"short": 2, "long": 4}
    starts = {arm: found["source"]["pretraining"]["name"] for arm, found in trained.items()}
    assert starts == {"short": "plain_vit", "long": "other"}


def test_sparse_codes_are_those_of_the_named_arm(folder):
    found = sidecar(folder, "codes")
    assert (found["source_arm"], found["n_features"]) == ("short", 6)
    budget = BUDGET.read(folder / "results/tiny/statistics/budget.csv").set_index("arm")["seconds_train"]
    assert budget["codes"] == budget["short"] > 0
    assert budget["conv"] == 0


def test_each_family_has_a_control_with_options_of_its_first_arm(folder):
    facts = {arm: sidecar(folder, f"control_random_{arm}") for arm in ("efficientnet", "vit")}
    assert {arm: (found["backbone"], found["batch_size_asked"]) for arm, found in facts.items()} == {
        "efficientnet": ("test_efficientnet", 4), "vit": ("test_vit", 8)
    }  # fmt: skip
    assert {found["weights"]["name"] for found in facts.values()} == {"random"}


def test_the_report_shows_titles_in_the_order_of_kinds_and_then_of_the_study_file(folder):
    study = Study(folder / "results/tiny")
    assert [method.arm for method in study.methods("brats_phantom")] == [
        "conv", "tokens", "class_token", "long", "short", "codes", "control_random_efficientnet", "control_random_vit",
        "control_majority_class",
    ]  # fmt: skip
    page = (folder / "results/tiny/report.html").read_text()
    for title in (
        "Baseline CNN conv + SVM", "Pure ViT tokens + SVM", "Class token + SVM", "Contrastive ViT short + SVM",
        "Sparse ViT codes + SVM", "Random EfficientNet + SVM (control)", "Random ViT + SVM (control)",
    ):  # fmt: skip
        assert title in page


def test_another_title_or_colour_computes_nothing_again(folder, config):
    arms = config["arms"] | {"tokens": {**config["arms"]["tokens"], "title": "Patch tokens", "colour": "#123456"}}
    (folder / "study.yaml").write_text(yaml.safe_dump({**config, "arms": arms}, sort_keys=False))
    dry = snakemake(folder, *RUN, "-n")
    said = dry.stdout + dry.stderr
    for rule in ("encode_images", "pretrain_arm", "code_features", "classify_subjects", "score_predictions"):
        assert f"rule {rule}:" not in said
    assert "rule describe_study:" in said
    assert "rule write_report:" in said
