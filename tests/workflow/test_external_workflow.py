"""A phantom whose sites are the folds, and which is tested on another phantom: frozen, trained and coded arms."""

import json

import audit
import numpy as np
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.results.study import Study
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.features import read_features
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS
from sixgig.verification.agreement import check_tables
from sixgig.verification.findings import ERROR

ARMS = ("vit_pure", "vit_contrastive", "vit_sparse")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("external")
    here = {key: value for key, value in tiny_config["cohorts"]["brats_phantom"].items() if key != "volume"}
    there = {**here, "source": {"phantom": {**here["source"]["phantom"], "subjects": 14, "seed": 4}}}
    here["source"] = {"phantom": {**here["source"]["phantom"], "subjects": 30}}
    here |= {"groups": {"columns": ["site", "sex", {"age": [60]}], "minimum": 2}, "group_by": "site"}
    config = {
        **tiny_config,
        "cohorts": {"here": {**here, "evaluate_on": ["there"]}, "there": there},
        "arms": {arm: tiny_config["arms"][arm] for arm in ARMS},
        "weights": {name: tiny_config["weights"][name] for name in ("vit", "plain_vit")},
        "controls": {"majority_class": True, "random_networks": False},
        "classifiers": {"svm": tiny_config["classifiers"]["svm"]},
        "evaluation": {**tiny_config["evaluation"], "repeats": 1},
        "tracking": {"mlflow": False},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
    return folder


def test_scripts_open_what_their_rules_declare_and_nothing_else(finished):
    jobs = audit.read_jobs(finished / "audit", finished / "results/tiny")
    wanted = {
        "check_external",
        "encode_external",
        "code_external",
        "classify_external",
        "group_subjects",
        "compare_groups",
    }
    assert wanted <= {job.rule for job in jobs}
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}


def test_every_labelled_subject_of_the_other_cohort_is_tested_once(finished):
    root = finished / "results/tiny"
    splits = SPLITS.read(root / "cohorts/there/splits.csv").drop_duplicates("subject_id")
    truth = splits.dropna(subset=["label"]).set_index("subject_id")["label"].to_dict()
    for method in (*(f"{arm}.svm" for arm in ARMS), "control_majority_class.majority_class"):
        found = PREDICTIONS.read(root / f"predictions/here/{method}.on.there.csv")
        assert found.set_index("subject_id")["label"].to_dict() == truth
        assert len(found) == len(truth) == 14
    study = Study(root)
    assert set(study.test_summary["tested_on"]) == {"there"}
    assert set(study.test_summary["n_subjects"]) == {14}
    assert set(study.test_pairs["tested_on"]) == {"there"}
    assert set(study.test_pairs["cohort"]) == {"here"}


def test_arms_that_learn_encode_the_other_cohort_with_what_they_learned_here(finished):
    features = finished / "results/tiny/features"
    for arm in ("vit_contrastive", "vit_sparse"):
        own, names = read_features(features / f"there/{arm}.npz")
        learned_here, same_names = read_features(features / f"here/{arm}.on.there.npz")
        assert names.tolist() == same_names.tolist()
        assert own.shape != learned_here.shape or not np.allclose(own, learned_here)
    assert not (features / "here/vit_pure.on.there.npz").exists()  # frozen: the other cohort's own features


def test_the_tables_follow_from_the_files_and_nothing_runs_again(finished):
    study = Study(finished / "results/tiny")
    assert [finding.text for finding in check_tables(study, 1) if finding.level == ERROR] == []
    assert "Nothing to be done" in snakemake(finished, "-n", "--cores", "1").stdout


def test_each_site_is_one_fold_of_the_only_repeat(finished):
    root = finished / "results/tiny"
    splits = SPLITS.read(root / "cohorts/here/splits.csv")
    groups = SUBJECT_GROUPS.read(root / "cohorts/here/groups.csv")
    site_of = groups[groups["group"] == "site"].set_index("subject_id")["value"]
    tested = splits[splits["role"] == "evaluation"]
    assert dict(zip(tested["fold"], tested["subject_id"].map(site_of), strict=True)) == {0: "A", 1: "B", 2: "C"}
    assert (tested.groupby("fold")["group"].nunique() == 1).all()
    assert set(tested["repeat"]) == {0}
    gate = json.loads((root / "cohorts/here/leakage.json").read_text())
    assert gate["n_sites"] == gate["n_sites_learned_from"] == 3
    metrics = METRICS.read(root / "metrics.csv")
    assert set(metrics.loc[metrics["cohort"] == "here", "fold"]) == {0, 1, 2}


def test_groups_have_metrics_and_a_largest_difference(finished):
    root = finished / "results/tiny"
    table = GROUPS.read(root / "statistics/groups.csv")
    assert set(table["group"]) == {"site", "sex", "age"}
    assert "gap" in set(table["value"])
    assert "Who it works for" in (root / "report.html").read_text()
