"""Groups of subjects through the real DAG: a phantom's sites as folds, and its sex and age."""

import json

import audit
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake

from sixgig.tables.cohorts import SPLITS
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS
from sixgig.tables.scores import METRICS


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("groups")
    brats = tiny_config["cohorts"]["brats_phantom"]
    sites = {
        **{key: value for key, value in brats.items() if key != "volume"},
        "source": {"phantom": {**brats["source"]["phantom"], "subjects": 30}},
        "groups": {"columns": ["site", "sex", {"age": [60]}], "minimum": 2},
        "group_by": "site",
    }
    config = {
        **tiny_config,
        "cohorts": {"sites": sites},
        "arms": {arm: tiny_config["arms"][arm] for arm in ("vit_pure", "vit_sparse")},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "classifiers": {"svm": tiny_config["classifiers"]["svm"]},
        "tracking": {"mlflow": False},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
    return folder / "results/tiny"


def test_scripts_open_what_their_rules_declare(finished):
    jobs = audit.read_jobs(finished.parents[1] / "audit", finished)
    assert {"group_subjects", "compare_groups", "check_leakage"} <= {job.rule for job in jobs}
    assert {job.rule: found for job in jobs if (found := audit.undeclared(job))} == {}


def test_each_site_is_one_fold_of_the_only_repeat(finished):
    splits = SPLITS.read(finished / "cohorts/sites/splits.csv")
    groups = SUBJECT_GROUPS.read(finished / "cohorts/sites/groups.csv")
    site_of = groups[groups["group"] == "site"].set_index("subject_id")["value"]
    tested = splits[splits["role"] == "evaluation"]
    assert dict(zip(tested["fold"], tested["subject_id"].map(site_of), strict=True)) == {0: "A", 1: "B", 2: "C"}
    assert (tested.groupby("fold")["group"].nunique() == 1).all()
    assert set(tested["repeat"]) == {0}
    gate = json.loads((finished / "cohorts/sites/leakage.json").read_text())
    assert gate["n_sites"] == gate["n_sites_learned_from"] == 3
    metrics = METRICS.read(finished / "metrics.csv")
    assert set(metrics.loc[metrics["cohort"] == "sites", "fold"]) == {0, 1, 2}


def test_groups_have_metrics_and_a_largest_difference(finished):
    table = GROUPS.read(finished / "statistics/groups.csv")
    assert set(table["group"]) == {"site", "sex", "age"}
    assert "gap" in set(table["value"])
    assert "Who it works for" in (finished / "report.html").read_text()
