"""Arms without a network in a plan: their files, what may build on them, and what they will take."""

import copy
from pathlib import Path

import pytest
import yaml

from sixgig.errors import ConfigError
from sixgig.forecast.base import JobKey
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.needs import needs_of
from sixgig.forecast.study import forecast_study
from sixgig.plan.early import check_own_files
from sixgig.plan.outputs import hashed_files
from sixgig.plan.plan import Plan
from sixgig.sharing.hiding import without_paths

CONFIG = Path(__file__).resolve().parents[3] / "config/config.yaml"


@pytest.fixture
def config(tmp_path):
    """One cohort without a network, an own table, and sparse codes over grey values."""
    (tmp_path / "own.csv").write_text("subject_id,a,b,c\n1,2,3,4\n")
    found = yaml.safe_load(CONFIG.read_text())
    found["cohorts"] = {"elpv": found["cohorts"]["elpv"]}
    del found["weights"]
    found["controls"] = {"majority_class": True}
    found["arms"] = {
        "grey": {"kind": "handcrafted", "descriptor": "histogram"},
        "own": {"kind": "features", "files": {"elpv": {"path": str(tmp_path / "own.csv")}}, "produced_by": "x 1"},
        "vit_sparse": {"source": "grey", "atoms": 8, "nonzeros": 2},
    }
    return found


def changed(config, **entry):
    found = copy.deepcopy(config)
    found["arms"]["own"]["files"]["elpv"] |= entry
    return found


def test_arms_without_a_network_have_files_jobs_and_costs(config, tmp_path):
    plan = Plan(config)
    assert plan.plain_arms == ["grey", "own"]
    assert (plan.image_arms, plan.feature_arms) == ([], ["vit_sparse"])
    assert plan.users_files("elpv", "own") == [str(tmp_path / "own.csv")]
    assert plan.users_files("elpv", "grey") == []
    assert plan.key_table_for("elpv", "own") == ""
    assert "results/default/features/elpv/grey.images.npy" in hashed_files(plan)
    needs, costs = needs_of(plan), forecast_study(plan, machine_with_card("RTX 3050 6GB Laptop"))
    assert set(needs) == set(costs)
    own, grey = (JobKey("compute_features", f"elpv.{arm}") for arm in ("own", "grey"))
    assert needs[own] == needs[grey] == {JobKey("check_leakage", "elpv")}
    assert needs[JobKey("code_features", "elpv.vit_sparse")] == {grey}
    assert needs[JobKey("classify_subjects", "elpv.own.svm")] == {JobKey("check_leakage", "elpv"), own}
    assert not costs[grey].gpu
    assert costs[grey].disk_mb * 2**20 == pytest.approx(2 * 480 * 32 * 4)  # grey: one channel


def test_a_cohort_with_pseudonyms_is_joined_through_its_key_table(config):
    config["cohorts"]["elpv"]["pseudonyms"] = True
    plan = Plan(config)
    assert plan.key_table_for("elpv", "own") == "results/pseudonyms/default.elpv.csv"
    assert plan.key_table_for("elpv", "grey") == ""


def test_sparse_codes_need_features_of_images(config):
    config["arms"]["vit_sparse"]["source"] = "own"
    with pytest.raises(ConfigError, match=r"vit_sparse.source: own has no features of images\n.*: grey"):
        Plan(config)
    Plan(changed(config, of="image"))


def test_the_file_of_a_table_is_looked_for_while_planning(config, tmp_path):
    with pytest.raises(ConfigError, match=r"arms.own.files.elpv.path: .*owns.csv does not exist\n.*own.csv"):
        Plan(changed(config, path=str(tmp_path / "owns.csv")))
    check_own_files(Plan(config))
    with pytest.raises(ConfigError, match=r"arms.own.files.elpv.sha256: own.csv has sha256"):
        check_own_files(Plan(changed(config, sha256="0" * 64)))
    with pytest.raises(ConfigError, match=r"arms.own.*lacks the column.* subjectid"):
        check_own_files(Plan(changed(config, id="subjectid")))
    with pytest.raises(ConfigError, match=r"arms.own.files.elpv.columns: 'd\*' fits no column"):
        check_own_files(Plan(changed(config, columns=["d*"])))


def test_messages_name_the_arm_and_keep_their_words(config):
    config["arms"]["own"]["files"] = {"elvp": config["arms"]["own"]["files"]["elpv"]}
    with pytest.raises(ConfigError, match=r"arms.own.files.elvp: is no cohort"):
        Plan(config)
    config["arms"]["own"]["files"] = {"elpv": {"path": "own.xls"}}
    with pytest.raises(ConfigError, match=r"arms.own.files.elpv.path: own.xls is none of .*\n.*save the features as"):
        Plan(config, look=False)


def test_a_bundle_does_not_say_where_the_table_lies(config, tmp_path):
    assert str(tmp_path) not in str(without_paths(Plan(config).config))
