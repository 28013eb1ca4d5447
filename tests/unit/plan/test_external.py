"""What evaluate_on may ask for, and the files that follow from it."""

import copy

import pytest
import yaml

from sixgig.errors import CohortError, ConfigError
from sixgig.forecast.base import JobKey
from sixgig.forecast.needs import needs_of
from sixgig.plan.config import complete
from sixgig.plan.external import check_external_classes
from sixgig.plan.plan import Plan
from sixgig.runtime.provenance import PACKAGE


@pytest.fixture
def config():
    """The default study with a second phantom of its brats phantom, on which the first is tested."""
    found = yaml.safe_load((PACKAGE.parent / "config/config.yaml").read_text())
    found["cohorts"]["there"] = copy.deepcopy(found["cohorts"]["brats_phantom"])
    found["cohorts"]["brats_phantom"]["evaluate_on"] = ["there"]
    del found["arms"]["vit_mim"]  # its crop is set for each cohort
    return found


def refused(config, message):
    with pytest.raises(ConfigError, match=message):
        complete(config)


def test_names_that_are_no_other_cohort_are_refused(config):
    config["cohorts"]["brats_phantom"]["evaluate_on"] = ["ther"]
    refused(config, r"cohorts.brats_phantom.evaluate_on: there is no cohort 'ther'.*\n?.*did you mean `there`")
    config["cohorts"]["brats_phantom"]["evaluate_on"] = ["brats_phantom"]
    refused(config, "brats_phantom is this cohort itself")


def test_cohorts_of_other_images_are_refused(config):
    config["cohorts"]["brats_phantom"]["evaluate_on"] = ["elpv"]
    refused(config, "dimensions of brats_phantom is 3, and of elpv 2")
    config["cohorts"]["brats_phantom"]["evaluate_on"] = ["there"]
    config["cohorts"]["there"]["modalities"] = ["t1", "t1ce", "t2"]
    refused(config, "modalities of brats_phantom is .*, and of there .*: its methods cannot be tested there")


def test_adapters_whose_stanza_says_the_dimensions_are_asked(config, tmp_path):
    flat = {"adapter": "dicom", "source": {"path": str(tmp_path)}, "dimensions": 2}
    config["cohorts"] |= {"slices": flat | {"evaluate_on": ["scans"]}, "scans": flat | {"dimensions": 3}}
    del config["cohorts"]["brats_phantom"]["evaluate_on"]
    refused(config, "dimensions of slices is 2, and of scans 3")


def test_a_cohort_with_the_name_of_the_official_test_set_is_refused(config):
    config["cohorts"]["held_out"] = config["cohorts"].pop("there")
    config["cohorts"]["brats_phantom"]["evaluate_on"] = ["held_out"]
    refused(config, "cohorts.held_out: tables have this name")


def test_classifiers_of_bags_are_refused(config):
    config["classifiers"] = {"svm": {}, "mil": {"arms": ["vit_pure"]}}
    refused(config, "mil takes bags of images, and is not tested on other cohorts yet")


def test_other_classes_are_named_while_planning(config):
    found = complete(config)
    check_external_classes(found, {"brats_phantom": {"HGG", "LGG"}, "there": {"LGG", "HGG"}})
    check_external_classes(found, {"brats_phantom": {"HGG", "LGG"}})  # files of the other are not there yet
    with pytest.raises(CohortError, match="differ: only brats_phantom has LGG; only there has low, other"):
        check_external_classes(found, {"brats_phantom": {"HGG", "LGG"}, "there": {"HGG", "low", "other"}})


def test_learning_arms_have_features_of_their_own_and_frozen_ones_share(config):
    plan = Plan(config, look=False)
    stems = {arm: plan.external_stem("brats_phantom", arm, "there") for arm in plan.arms}
    root = "results/default/features"
    assert stems["vit_contrastive"] == f"{root}/brats_phantom/vit_contrastive.on.there"
    assert stems["vit_sparse"] == f"{root}/brats_phantom/vit_sparse.on.there"
    assert stems["vit_pure"] == f"{root}/there/vit_pure"
    assert len(plan.external_predictions("csv")) == len(plan.methods)
    assert plan.test_set_keys[-1][:2] == ("brats_phantom", "there")
    assert len(plan.test_set_keys) == len(plan.test_set_files)


def test_every_seed_is_tested_with_what_it_learned(config):
    config["evaluation"]["seeds"] = 2
    plan = Plan(config, look=False)
    root = "results/default/features"
    assert plan.external_stem("brats_phantom", "vit_contrastive-seed1", "there") == (
        f"{root}/brats_phantom/vit_contrastive-seed1.on.there"
    )
    assert plan.external_source("brats_phantom", "vit_sparse", "there").endswith(".images.npy")
    assert plan.external_sides("brats_phantom", "control_random_vit-seed1", "there", "npz") == [
        f"{root}/{cohort}/control_random_vit-seed1.npz" for cohort in ("brats_phantom", "there")
    ]
    assert ("brats_phantom", "there", "vit_contrastive-seed1", "svm") in plan.external_method_keys
    assert len(plan.test_set_keys) == len(plan.test_set_files) == len(set(plan.test_set_files))
    needs = needs_of(plan)
    job = JobKey("classify_external", "brats_phantom.vit_contrastive-seed1.svm.on.there")
    assert JobKey("encode_external", "brats_phantom.vit_contrastive-seed1.on.there") in needs[job]
    assert job in needs[JobKey("weigh_clinical_use")]


def test_nothing_changes_without_the_key(config):
    del config["cohorts"]["brats_phantom"]["evaluate_on"]
    plan = Plan(config, look=False)
    assert not plan.external_keys + plan.external_arm_keys + plan.external_method_keys
    assert not [job for job in needs_of(plan) if "external" in job.rule]
    assert "evaluate_on" not in plan.cohort_options("brats_phantom")


def test_preparation_does_not_depend_on_where_methods_are_tested(config):
    assert "evaluate_on" not in Plan(config, look=False).preparation_options("brats_phantom")
