"""Classifiers of bags: what is refused while planning, and to which arms they are fitted."""

import copy
from pathlib import Path

import pytest
import yaml

from sixgig.cohorts.base import Item, Record
from sixgig.errors import ConfigError
from sixgig.plan.bags import check_bag_sizes
from sixgig.plan.config import complete, methods_of
from sixgig.plan.plan import Plan

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config():
    found = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    found["classifiers"] = {"svm": {}, "mil": {}}
    return found


def record(name, *frames):
    return Record(
        Path("x"), name, "a", tuple(Item(f"{name}{number}", {}, frame) for number, frame in enumerate(frames))
    )


def test_an_arm_without_features_of_images_is_refused_and_the_others_are_named(config):
    message = r"classifiers.mil: takes .* every image, and arm vit_sparse has none(.|\n)*arms: \[baseline_cnn, vit_pure"
    with pytest.raises(ConfigError, match=message):
        complete(config)


def test_images_with_classes_of_their_own_are_refused(config):
    config["classifiers"]["mil"] = {"arms": ["vit_pure"]}
    name = next(iter(config["cohorts"]))
    config["cohorts"][name]["labels_of"] = "image"
    config["cohorts"][name]["adapter"] = "table"
    with pytest.raises(ConfigError, match=rf"on {name} every image has a class of its own(.|\n)*remove it and use svm"):
        complete(config)


def test_it_is_fitted_to_the_arms_that_it_names_and_to_no_other(config):
    config["classifiers"]["mil"] = {"arms": ["vit_pure", "baseline_cnn"]}
    methods = methods_of(complete(config))
    assert [arm for arm, classifier in methods if classifier == "mil"] == ["baseline_cnn", "vit_pure"]
    assert len([arm for arm, classifier in methods if classifier == "svm"]) > 4
    config["classifiers"]["mil"] = {"arms": ["vit_pur"]}
    with pytest.raises(ConfigError, match=r"classifiers.mil.arms: there is no arm 'vit_pur'(.|\n)*vit_pure"):
        complete(config)


def test_the_plan_leaves_its_jobs_and_files_apart_and_the_others_as_they_were(config):
    alone = copy.deepcopy(config)
    del alone["classifiers"]["mil"]
    config["classifiers"]["mil"] = {"arms": ["vit_pure"]}
    config["evaluation"] = {**config.get("evaluation", {}), "fractions": [0.5]}
    with_bags, without = Plan(config, look=False), Plan(alone, look=False)
    assert (with_bags.bag_classifiers, with_bags.vector_classifiers) == (["mil"], ["svm"])
    assert with_bags.config["classifiers"]["svm"] == without.config["classifiers"]["svm"]
    assert "arms" not in with_bags.classifier_options("mil")
    assert {with_bags.classify_rule(name) for name in ("mil",)} == {"classify_bags"}
    assert with_bags.classifiers_of("vit_pure") == ["svm", "mil"]
    assert with_bags.classifiers_of("vit_mim") == ["svm"]
    further = set(with_bags.predictions("csv")) - set(without.predictions("csv"))
    assert len(further) == len(with_bags.cohorts)
    assert all(file.endswith("vit_pure.mil.csv") for file in further)
    assert len(with_bags.attention()) == len(with_bags.cohorts)
    curves = [key for key in with_bags.fraction_keys if key[2] == "mil"]
    assert curves == [(cohort, "vit_pure", "mil") for cohort in with_bags.cohorts]


@pytest.mark.parametrize(
    ("frames", "deep", "volumes", "slices", "message"),
    [
        ([None], False, False, None, "on c every subject has one image for arm a(.|\n)*remove it and use svm"),
        ([None, None], False, False, None, None),
        (["ED", "ES"], True, True, None, "on c every subject has one volume for arm a"),
        (["ED", "ES"], True, False, None, None),
        (["ED", "ES"], True, False, {"count": 1}, "on c every subject has one image for arm a"),
        (["ED", "ED"], True, True, None, None),
    ],
)
def test_bags_of_one_are_refused(frames, deep, volumes, slices, message):
    cohort = {"slices": slices} if slices else {}
    config = {"cohorts": {"c": cohort}, "classifiers": {"svm": {}, "mil": {"arms": None}}}
    records = [record("s", *frames), record("t", frames[0])]
    if message is None:
        check_bag_sizes(config, records, "c", deep, {"a": volumes})
        return
    with pytest.raises(ConfigError, match=message):
        check_bag_sizes(config, records, "c", deep, {"a": volumes})


def test_an_arm_of_volumes_is_refused_with_the_arms_that_see_slices():
    config = {"cohorts": {"c": {}}, "classifiers": {"svm": {}, "mil": {"arms": None}}}
    with pytest.raises(ConfigError, match=r"one volume for arm deep(.|\n)*write `arms: \[flat\]` in classifiers.mil"):
        check_bag_sizes(config, [record("s", None)], "c", True, {"flat": False, "deep": True})
    config["classifiers"]["mil"]["arms"] = ["flat"]
    check_bag_sizes(config, [record("s", None)], "c", True, {"flat": False, "deep": True})
