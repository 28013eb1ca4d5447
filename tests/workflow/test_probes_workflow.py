"""Every probe, and attention over the images of a subject, through the whole workflow."""

import json

import audit
import pandas as pd
import yaml
from conftest import ENVIRONMENT, RUN, snakemake


def test_probes_reach_the_report_and_adding_one_reruns_no_other(tmp_path, tiny_config):
    attention = {"width": [4], "weight_decay": [0.01], "epochs": 5, "patience": 2, "arms": ["vit_pure"]}
    config = {
        **{key: tiny_config[key] for key in ("seed", "device", "image", "evaluation")},
        "study": "probes",
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "arms": {
            "vit_pure": {"weights": "vit", "batch_size": 8, "pooling": "concat"},
            "sparse": {"kind": "vit_sparse", "atoms": 4, "nonzeros": 2, "epochs": 1, "pooling": "max"},
        },
        "controls": {"random_networks": False, "majority_class": True},
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}, "knn": {"n_neighbors": [1, 3]}},
        "tracking": {"mlflow": False},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(tmp_path, *RUN, "--", "classify")
    config["classifiers"] |= {"logistic": {"C": [1.0]}, "prototype": {}, "mil": attention}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(tmp_path, *RUN, variables=audit.environment(ENVIRONMENT, tmp_path / "audit"))
    root = tmp_path / "results/probes"
    jobs = audit.read_jobs(tmp_path / "audit", root)
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}
    rules = [job.rule for job in jobs]
    assert (rules.count("classify_subjects"), rules.count("classify_bags")) == (4, 1)
    assert "encode_images" not in rules

    stem = root / "predictions/brats_phantom/vit_pure.mil"
    predictions = pd.read_csv(f"{stem}.csv", dtype={"subject_id": str})
    weights = pd.read_csv(f"{stem}.attention.csv", dtype={"subject_id": str})
    assert (weights.groupby(["repeat", "subject_id"]).size() == 2).all()  # two slices of every subject
    assert set(weights["subject_id"]) == set(predictions["subject_id"])
    assert "status" not in json.loads((stem.with_suffix(".mil.json")).read_text())
    summary = pd.read_csv(root / "summary.csv")
    methods = set(zip(summary["arm"], summary["classifier"], strict=True))
    vectors = {(arm, name) for arm in ("vit_pure", "sparse") for name in ("svm", "knn", "logistic", "prototype")}
    assert methods == vectors | {("vit_pure", "mil"), ("control_majority_class", "majority_class")}
    report = (root / "report.html").read_text()
    assert all(words in report for words in ("attention MIL", "prototypes", "k-NN", "logistic"))
