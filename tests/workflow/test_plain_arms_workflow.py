"""Arms without a network through the whole workflow: hand-made features, the user's own, and another arm over them."""

import json

import audit
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.tables.features import read_features


@pytest.fixture(scope="module")
def plain_config(tiny_config):
    """One cohort, no network, and tables that know the phantom's subjects."""
    files = {"brats_phantom": {"path": "own.csv", "columns": ["good_*", "code"]}}
    return {
        **{key: tiny_config[key] for key in ("seed", "device", "image", "evaluation")},
        "study": "plain",
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "arms": {
            "handcrafted": {"cells": 4},
            "grey": {"kind": "handcrafted", "descriptor": "histogram", "title": "Grey values"},
            "radiomics": {"kind": "features", "files": files, "produced_by": "a tool 1.0"},
            "vit_sparse": {"source": "grey", "atoms": 4, "nonzeros": 2, "epochs": 1},
        },
        "controls": {"majority_class": True},
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}},
        "tracking": {"mlflow": False},
    }


def own_table(manifest, path):
    """Features of every subject: one of noise, one constant, one that is the label."""
    subjects = manifest.drop_duplicates("subject_id")
    noise = np.random.default_rng(0).normal(size=len(subjects))
    code = (subjects["label"] == subjects["label"].iloc[0]).astype(int)
    table = {"subject_id": subjects["subject_id"], "good_noise": noise, "good_same": 1.0, "code": code, "left_out": "x"}
    pd.DataFrame(table).to_csv(path, index=False)


def test_a_study_without_a_network_reaches_its_report(tmp_path, plain_config):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plain_config, sort_keys=False))
    (tmp_path / "own.csv").write_text("subject_id,good_noise,good_same,code\n")
    snakemake(tmp_path, *RUN, "--", "cohorts")
    root = tmp_path / "results/plain"
    own_table(pd.read_csv(root / "cohorts/brats_phantom/manifest.csv", dtype=str), tmp_path / "own.csv")
    snakemake(tmp_path, *RUN, variables=audit.environment(ENVIRONMENT, tmp_path / "audit"))
    jobs = audit.read_jobs(tmp_path / "audit", root)
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}
    folder = root / "features/brats_phantom"
    sidecars = {arm: json.loads((folder / f"{arm}.json").read_text()) for arm in plain_config["arms"]}
    assert {arm: found["status"] for arm, found in sidecars.items()} == dict.fromkeys(plain_config["arms"], "ok")
    assert sidecars["grey"]["n_features"] == 3 * 32
    assert sidecars["vit_sparse"]["n_features"] == 4
    assert sidecars["radiomics"]["own_features"]["label_columns"] == ["code"]
    features, _ = read_features(root / "features/brats_phantom/radiomics.npz")
    assert features.shape == (16, 3)
    costs = pd.read_csv(root / "costs.csv")
    assert set(costs.loc[costs["stage"] == "encode", "arm"]) == set(plain_config["arms"])
    report = (root / "report.html").read_text()
    for words in ("Grey values", "sixgig cannot check whether they were learned from", "a tool 1.0", "own.csv"):
        assert words in report
    assert str(tmp_path) not in report
    table = pd.read_csv(tmp_path / "own.csv")
    table["good_noise"] *= 2
    table.to_csv(tmp_path / "own.csv", index=False)
    shown = snakemake(tmp_path, *RUN, "-n").stdout
    assert shown.count("rule compute_features:") == 1
    assert "arm=radiomics" in shown
