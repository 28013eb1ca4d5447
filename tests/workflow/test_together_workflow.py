"""Two of a kind, a 3D network, features by hand, codes of volumes, attention, fractions and shards in one study."""

import json
import zipfile

import audit
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.runtime.digests import file_sha256
from sixgig.sharing.bundle import bundle_study
from sixgig.tables.costs import COSTS
from sixgig.tables.fractions import FRACTIONS
from sixgig.verification.findings import ERROR
from sixgig.verification.verify import verify_study

#: Arms and controls in the order of the report.
ARMS = [
    "by_hand", "tokens", "class_token", "volumes", "codes", "control_random_vit", "control_random_monai_segresnet",
]  # fmt: skip
BAGS = ["by_hand", "tokens"]
NETWORK = {"init_filters": 8, "blocks_down": [1, 1], "in_channels": 3}


@pytest.fixture(scope="module")
def volume_weights(tmp_path_factory):
    """An entry of `weights`: MONAI's SegResNet, small, with random values."""
    import torch
    from monai.networks.nets import SegResNet

    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("volume_weights") / "segresnet.pt"
    torch.save(SegResNet(**NETWORK).state_dict(), path)
    file = {"path": str(path), "sha256": file_sha256(path)}
    return {"source": {"file": file}, "model": "monai:SegResNet", "options": NETWORK}


@pytest.fixture(scope="module")
def config(tiny_config, volume_weights):
    attention = {"width": [4], "weight_decay": [0.01], "epochs": 5, "patience": 2, "arms": BAGS}
    return {
        **{key: tiny_config[key] for key in ("seed", "device", "image")},
        "study": "together",
        "title": "All together",
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"] | {"shards": 2}},
        "weights": {"vit": tiny_config["weights"]["vit"], "segresnet": volume_weights},
        "arms": {
            "tokens": {"kind": "vit_pure", "weights": "vit", "token": "mean", "batch_size": 8},
            "class_token": {"kind": "vit_pure", "weights": "vit", "batch_size": 8, "title": "Class token"},
            "volumes": {"kind": "volume_network", "weights": "segresnet", "crop": [8, 8, 8]},
            "codes": {"kind": "vit_sparse", "source": "volumes", "atoms": 2, "nonzeros": 1, "epochs": 1},
            "by_hand": {"kind": "handcrafted", "cells": 4},
        },
        "classifiers": {"logistic": {"C": [1.0]}, "mil": attention},
        "evaluation": tiny_config["evaluation"] | {"fractions": [0.75, 1.0]},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config):
    folder = tmp_path_factory.mktemp("together")
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
    return folder


def test_every_piece_runs_beside_the_others_and_opens_what_it_declares(folder):
    jobs = audit.read_jobs(folder / "audit", folder / "results/together")
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}
    rules = [job.rule for job in jobs]
    wanted = {
        "prepare_shard": 2, "encode_shard": 10,
        "encode_images": 5, "compute_features": 1, "code_features": 1, "classify_subjects": 7, "classify_bags": 2,
        "classify_fractions": 7, "classify_bag_fractions": 2, "score_fractions": 1,
    }  # fmt: skip
    assert {rule: rules.count(rule) for rule in wanted} == wanted


def test_every_method_is_scored_at_every_fraction(folder):
    root = folder / "results/together"
    methods = {(arm, "logistic") for arm in ARMS} | {(arm, "mil") for arm in BAGS}
    table = FRACTIONS.read(root / "fractions.csv")
    assert set(table["status"]) == {"ok"}
    found = set(zip(table["arm"], table["classifier"], table["fraction"], strict=True))
    assert found == {(*method, share) for method in methods for share in (0.75, 1.0)}
    sidecars = {arm: json.loads((root / f"features/brats_phantom/{arm}.json").read_text()) for arm in ARMS}
    assert (sidecars["volumes"]["backbone"], sidecars["codes"]["source_arm"]) == ("monai:SegResNet", "volumes")
    assert sidecars["control_random_monai_segresnet"]["weights"]["name"] == "random"
    assert list(COSTS.read(root / "costs.csv").query("stage == 'encode'")["arm"]) == ARMS
    report = (root / "report.html").read_text()
    for words in ("Class token + logistic", "Pure ViT tokens + attention MIL", "Random SegResNet + logistic (control)"):
        assert words in report


def test_nothing_is_to_be_done_again_and_the_study_verifies_itself(folder):
    assert "Nothing to be done" in snakemake(folder, *RUN, "-n").stdout
    findings = verify_study(folder / "results/together", quick=False, threads=1)
    assert [finding for finding in findings if finding.level == ERROR] == []


def test_an_archive_with_hidden_names_holds_none(folder, tmp_path):
    bundle_study(folder / "results/together", tmp_path / "study.zip", hash_ids=True)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        texts = {name: archive.read(name).decode("latin-1") for name in archive.namelist()}
    assert [name for name, text in texts.items() if "BraTS20_Training_0" in text] == []
    first, *rows = texts["predictions/brats_phantom/tokens.mil.attention.csv"].splitlines()
    assert first.startswith("subject_id,image_id,")
    assert all(row.startswith("s-") and row.split(",")[1].startswith("i-") for row in rows)
