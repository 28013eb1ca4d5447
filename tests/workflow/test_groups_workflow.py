"""Groups of subjects through the real DAG: sites as folds on a phantom, and a user's table with sex and age."""

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
    rows = [f"patient{number:03d},{'FM'[number % 2]},{30 + number}" for number in range(2, 31)]
    (folder / "patients.csv").write_text("\n".join(["patient,sex,age", *rows, "patient999,F,50"]) + "\n")
    brats, acdc = tiny_config["cohorts"]["brats_phantom"], tiny_config["cohorts"]["acdc_phantom"]
    sites = {
        **{key: value for key, value in brats.items() if key != "volume"},
        "source": {"phantom": {**brats["source"]["phantom"], "subjects": 30}},
        "groups": {"columns": ["site", "sex", {"age": [60]}], "minimum": 2},
        "group_by": "site",
    }
    ages = {
        **acdc,
        "classes": {"sick": ["MINF", "DCM", "HCM", "RV"], "well": ["NOR"]},
        "groups": {"table": str(folder / "patients.csv"), "id": "patient", "columns": ["sex", {"age": [45]}]},
    }
    config = {
        **tiny_config,
        "cohorts": {"sites": sites, "ages": ages},
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
    assert set(metrics.loc[metrics["cohort"] == "ages", "repeat"]) == {0, 1}


def test_a_users_table_gives_groups_and_names_who_is_missing(finished):
    groups = SUBJECT_GROUPS.read(finished / "cohorts/ages/groups.csv")
    assert set(groups.loc[groups["group"] == "age", "value"].dropna()) == {"< 45", ">= 45"}
    assert set(groups.loc[groups["value"].isna(), "subject_id"]) == {"patient001"}
    log = (finished / "logs/group_subjects/ages.log").read_text()
    assert "patient999" in log
    assert "1 of 25 subjects have no sex" in log
    table = GROUPS.read(finished / "statistics/groups.csv")
    own = table[(table["cohort"] == "ages") & (table["group"] == "sex") & (table["metric"] == "accuracy")]
    assert set(own["value"]) == {"F", "M"}  # of neither sex there are five patients of both classes
    assert own["method"].str.startswith("none: ").all()
    assert "gap" in set(table.loc[table["cohort"] == "sites", "value"])
    page = (finished / "report.html").read_text()
    assert "patient999" not in page
