"""Two seeds through the real DAG: a trained arm, sparse codes of it, and the random control, beside a frozen arm."""

import json

import audit
import numpy as np
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.runtime.atomic import read_json
from sixgig.sharing.bundle import bundle_study
from sixgig.tables.costs import COSTS
from sixgig.tables.features import read_features
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.verification.findings import ERROR
from sixgig.verification.verify import verify_study

TWICE = ["vit_mim", "vit_sparse", "control_random_vit"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("seeds")
    codes = tiny_config["arms"]["vit_sparse"] | {"source": "vit_mim", "atoms": 2, "nonzeros": 1}
    config = {
        **tiny_config,
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "weights": {name: tiny_config["weights"][name] for name in ("vit", "plain_vit")},
        "arms": {name: tiny_config["arms"][name] for name in ("vit_pure", "vit_mim")} | {"vit_sparse": codes},
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}},
        "evaluation": tiny_config["evaluation"] | {"seeds": 2},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
    return folder


def test_every_seed_is_trained_encoded_and_classified_by_declared_files(folder):
    jobs = audit.read_jobs(folder / "audit", folder / "results/tiny")
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}
    rules = [job.rule for job in jobs]
    wanted = {
        "pretrain_arm": 2, "check_training": 2, "encode_images": 5, "code_features": 2, "classify_subjects": 7,
    }  # fmt: skip
    assert {rule: rules.count(rule) for rule in wanted} == wanted


def test_seeds_differ_where_something_is_drawn_and_folds_are_the_same(folder):
    features = folder / "results/tiny/features/brats_phantom"
    for arm in TWICE:
        first, second = (read_features(features / f"{arm}{suffix}.npz") for suffix in ("", "-seed1"))
        assert first[1].tolist() == second[1].tolist()
        assert not np.array_equal(first[0], second[0])
    sources = [read_json(features / f"vit_sparse{suffix}.json")["source_arm"] for suffix in ("", "-seed1")]
    assert sources == ["vit_mim", "vit_mim-seed1"]


def test_tables_name_the_arm_and_number_the_seed(folder):
    root = folder / "results/tiny"
    metrics, summary = METRICS.read(root / "metrics.csv"), SUMMARY.read(root / "summary.csv")
    assert metrics.groupby("arm")["seed"].nunique().to_dict() == {
        **dict.fromkeys(TWICE, 2), "vit_pure": 1, "control_majority_class": 1,
    }  # fmt: skip
    assert summary.groupby("arm")["n_seeds"].max().to_dict() == metrics.groupby("arm")["seed"].nunique().to_dict()
    own = metrics[(metrics["arm"] == "vit_mim") & (metrics["metric"] == "accuracy")]
    means = own.groupby("seed")["value"].mean()
    (spread,) = summary.loc[(summary["arm"] == "vit_mim") & (summary["metric"] == "accuracy"), "seed_sd"]
    assert spread == pytest.approx(means.std(ddof=1), abs=1e-9)
    costs = COSTS.read(root / "costs.csv")
    assert costs.loc[costs["stage"] == "pretrain", ["arm", "seed"]].to_numpy().tolist() == [
        ["vit_mim", 0], ["vit_mim", 1],
    ]  # fmt: skip


def test_the_study_verifies_itself_and_every_training_has_its_gate_and_its_run(folder):
    root = folder / "results/tiny"
    assert "Nothing to be done" in snakemake(folder, *RUN, "-n").stdout
    findings = list(verify_study(root, quick=False, threads=1))
    assert [finding for finding in findings if finding.level == ERROR] == []
    gates = [finding.text for finding in findings if finding.check == "gate" and "vit_mim" in finding.text]
    assert len(gates) == 2
    runs = json.loads((root / "mlflow.json").read_text())["runs"]
    assert {"pretrain/brats_phantom/vit_mim", "pretrain/brats_phantom/vit_mim-seed1"} <= set(runs)
    assert "brats_phantom/vit_mim/svm" in runs


def test_the_report_shows_the_spread(folder):
    report = (folder / "results/tiny/report.html").read_text()
    assert 'id="seeds-table"' in report
    assert "are means over 2 seeds" in report
    assert ", seed 1" in report  # trainings and costs


def test_the_archive_hides_names_in_the_files_of_every_seed(folder, tmp_path):
    import zipfile

    bundle_study(folder / "results/tiny", tmp_path / "study.zip", hash_ids=True)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        texts = {name: archive.read(name).decode("latin-1") for name in archive.namelist()}
    assert "predictions/brats_phantom/vit_mim-seed1.svm.csv" in texts
    assert [name for name, text in texts.items() if "BraTS20_Training_0" in text] == []
