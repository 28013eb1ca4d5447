"""Instances, a 3D network, features by hand, sparse codes of volumes, attention and fractions of labels in one study."""

import json

import audit
import pandas as pd
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.runtime.digests import file_sha256

ARMS = ["tokens", "class_token", "volumes", "codes", "by_hand"]
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
    attention = {"width": [4], "weight_decay": [0.01], "epochs": 5, "patience": 2, "arms": ["tokens", "by_hand"]}
    return {
        **{key: tiny_config[key] for key in ("seed", "device", "image")},
        "study": "together",
        "title": "All together",
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "weights": {"vit": tiny_config["weights"]["vit"], "segresnet": volume_weights},
        "arms": {
            "tokens": {"kind": "vit_pure", "weights": "vit", "token": "mean", "batch_size": 8},
            "class_token": {"kind": "vit_pure", "weights": "vit", "batch_size": 8, "title": "Class token"},
            "volumes": {"kind": "volume_network", "weights": "segresnet", "crop": [8, 8, 8]},
            "codes": {"kind": "vit_sparse", "source": "volumes", "atoms": 2, "nonzeros": 1, "epochs": 1},
            "by_hand": {"kind": "handcrafted", "cells": 4},
        },
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}, "logistic": {"C": [1.0]}, "mil": attention},
        "evaluation": tiny_config["evaluation"] | {"fractions": [0.5, 1.0]},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config):
    folder = tmp_path_factory.mktemp("together")
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
    return folder


def test_every_piece_runs_beside_the_others_and_opens_what_it_declares(folder):
    root = folder / "results/together"
    jobs = audit.read_jobs(folder / "audit", root)
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}
    rules = [job.rule for job in jobs]
    assert {rule: rules.count(rule) for rule in ("encode_images", "classify_bags", "classify_bag_fractions")} == {
        "encode_images": 5, "classify_bags": 2, "classify_bag_fractions": 2
    }  # fmt: skip
