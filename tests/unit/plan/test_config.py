import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from sixgig.arms.instances import instances
from sixgig.cohorts.registry import adapter_names, load_adapter
from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.plan.schema import WRITTEN, load_schema, schema_text

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def objects(node, path="schema"):
    """Every object of the schema, with its path."""
    if isinstance(node, dict):
        if node.get("type") == "object" or "properties" in node:
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}.{key}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from objects(value, f"{path}[{position}]")


def test_schema_is_valid_and_closed_and_described():
    schema = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for path, node in objects(schema):
        assert "additionalProperties" in node, f"{path} accepts unknown keys"
        for key, child in node.get("properties", {}).items():
            target = schema["$defs"][child["$ref"].split("/")[-1]] if "$ref" in child else {}
            assert "description" in child or "description" in target, f"{path}.{key} has no description"


@pytest.mark.parametrize("study", ["config/config.yaml", "config/laptop.yaml", "config/medmnist.yaml"])
def test_studies_of_the_repository_are_complete(study):
    completed = complete(yaml.safe_load((ROOT / study).read_text()))
    assert completed["gpu"]["memory_limit_mb"] == 6144


def test_defaults_agree_with_the_schema(config):
    minimal = {key: config[key] for key in ("study", "cohorts", "weights", "arms")}
    completed = complete(minimal)
    jsonschema.validate(completed, load_schema())
    assert completed["evaluation"]["folds"] == 5
    assert completed["arms"]["vit_pure"]["token"] == "cls"
    assert complete(completed) == completed


def test_order_of_keys_does_not_matter_and_names_keep_theirs(config):
    def turned(value):
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    completed, other = complete(config), complete(turned(config))
    assert list(completed["cohorts"]) == list(config["cohorts"]) == list(reversed(other["cohorts"]))
    names = [entry["arms"]["vit_mim"].pop("per_cohort") for entry in (completed, other)]
    assert names[0] == names[1]
    for section in ("arms", "evaluation", "classifiers"):
        assert str(completed[section]) == str(other[section])
    for cohort in config["cohorts"]:
        assert str(completed["cohorts"][cohort]) == str(other["cohorts"][cohort])


def test_completing_leaves_the_input_alone(config):
    before = copy.deepcopy(config)
    complete(config)
    assert config == before


def test_the_written_schema_is_the_one_in_use():
    assert WRITTEN.read_text() == schema_text(), "run `make format`"


def test_every_key_that_an_adapter_reads_is_in_the_schema():
    known = load_schema()["$defs"]["cohort"]["properties"]
    for name in adapter_names():
        assert set(load_adapter(name).option_keys) <= set(known)


def change(config, path, value):
    node = config
    *parents, last = path.split(".")
    for key in parents:
        node = node.setdefault(key, {})
    node[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sede", 1, r"config key sede: is not known(.|\n)*did you mean `seed`"),
        ("arms.vit_pure.batchsize", 1, r"arms.vit_pure.batchsize: is not known(.|\n)*did you mean `batch_size`"),
        ("evaluation.folds", "five", r"evaluation.folds: 'five' is not of type 'integer'(.|\n)*Folds of the outer"),
        ("arms.vit_pure.weights", "resnet", r"there are no weights 'resnet'(.|\n)*dinov2_vits14"),
        ("image.size", 100, r"100 pixels cannot be cut into patches of 14(.|\n)*use 98 or 112"),
        (
            "evaluation.pretraining_fraction",
            0,
            r"is 0, so vit_contrastive and vit_mim and vit_sparse would have no subjects",
        ),
        ("arms.vit_contrastive.batch_size", 6, r"is 6, and cohort brats_phantom has 4 partitions(.|\n)*such as 4"),
        (
            "cohorts.acdc_phantom.slices",
            {"count": 3},
            r"acdc_phantom.slices: takes 3 slices of a volume \(of at most 10\), .* of its 4 partitions"
            r"(.|\n)*slices.count to 4 or more, or set cohorts.acdc_phantom.partitions to 3, or .*loss to g_r",
        ),
        (
            "arms.vit_contrastive.reference_regions",
            True,
            r"reference_regions: is about the local stage, and local_steps is 0(.|\n)*local_steps above 0",
        ),
        ("cohorts.acdc_phantom.slices", {"every": 4}, r"takes every 4th slice(.|\n)*partitions to 3"),
        ("cohorts.brats_phantom.slices", {"count": 2}, r"takes 2 slices(.|\n)*count to 4 or more"),
        ("arms.vit_mim.mode", "volume", r"is volume, and cohort elpv has no volumes(.|\n)*auto or slices"),
        (
            "arms.vit_mim.per_cohort.acdc_phantom.patch",
            [5, 16, 16],
            r"does not divide the crop \[16, 64, 64\](.|\n)*\[15, 64, 64\]",
        ),
        (
            "arms.vit_mim.per_cohort",
            {},
            r"\[96, 96, 96\] is larger than the volumes of cohort brats_phantom, \[48, 48, 48\]",
        ),
        ("arms.vit_mim.per_cohort.brats", {}, r"per_cohort.brats: is no cohort of this study"),
        ("arms.vit_mim.init", "file", r"init_file: goes with `init: file`"),
        ("arms.vit_mim.encoder.depth", 2, r"sizes go with `init: scratch` alone"),
        ("arms.vit_contrastive.loss", "g_x", r"'g_x' is not one of"),
        ("cohorts.acdc_phantom.adapter", "brats", r"brats cannot read a acdc phantom"),
        ("study", "two words", r"config key study"),
        ("folds", 4, r"config key folds: is not known(.|\n)*did you mean `evaluation.folds`"),
        ("evaluation.folds:4", None, r"evaluation.folds:4: is not known(.|\n)*a space after the colon"),
        ("evaluation.9", None, r"evaluation.9: is not known(.|\n)*decimals with a point"),
        ("evaluation.folds", None, r"evaluation.folds: has no value(.|\n)*remove the key"),
        ("evaluation.alpha", "5%", r"'5%' is not of type 'number'(.|\n)*with a point for decimals"),
        ("cohorts.elpv.modalities", "t1", r"'t1' is not of type 'array'(.|\n)*as a list: \[t1\]"),
        ("cohorts.elpv.adapter", "elvp", r"'elvp' is not one of(.|\n)*did you mean `elpv`"),
        ("cohorts.Elpv", {}, r"config key cohorts.Elpv: 'Elpv' does not match(.|\n)*in lower case"),
        ("image", 112, r"112 is not of type 'object'(.|\n)*such as `size: ...`"),
        ("weights.efficientnet_lite0.converter", "tim", r"'tim' is not one of(.|\n)*did you mean `timm`"),
        ("cohorts.elpv.classes", {"a": ["x"]}, r"elpv.classes: holds a(.|\n)*at least 2 keys"),
        ("study", "downloads", r"config key study"),
        ("weights.dinov2_vits14.source.wheel.sha256", "abc", r"sha256"),
        ("cohorts.elpv.source", {}, r"config key cohorts.elpv.source"),
        ("cohorts.elpv.source", {"path": "x", "phantom": {"kind": "brats", "subjects": 9}}, r"cohorts.elpv.source"),
    ],
)
def test_mistakes_name_the_key_and_the_way_out(config, path, value, message):
    change(config, path, value)
    with pytest.raises(ConfigError, match=message):
        complete(config)


def test_only_arms_without_a_network_need_no_weights(config):
    del config["weights"]
    with pytest.raises(ConfigError, match=r"baseline_cnn.weights: there are no weights .*\n.*add efficientnet_lite0"):
        complete(config)
    config["arms"], config["controls"] = {"handcrafted": {}}, {"random_vit": False}
    assert complete(config)["weights"] == {}


@pytest.mark.parametrize("missing", ["study", "cohorts", "arms"])
def test_missing_keys_are_named(config, missing):
    del config[missing]
    with pytest.raises(ConfigError, match=f"'{missing}' is a required property"):
        complete(config)


def test_the_published_batch_is_made_for_four_partitions_alone(config):
    config["arms"]["vit_contrastive"]["reference_batching"] = True
    complete(copy.deepcopy(config))
    config["cohorts"]["acdc_phantom"] |= {"partitions": 2, "slices": {"count": 4}}
    message = (
        r"reference_batching: gives the published batch for 4 partitions only, and cohort acdc_phantom has 2"
        r"(.|\n)*set cohorts.acdc_phantom.partitions to 4, or reference_batching to false"
    )
    with pytest.raises(ConfigError, match=message):
        complete(copy.deepcopy(config))
    config["arms"]["vit_contrastive"]["loss"] = "g_d_minus"  # which has no published batch of its own
    complete(config)


def test_vit_sparse_needs_an_arm_that_is_not_trained_and_the_random_control_does_not(config):
    del config["arms"]["vit_pure"]
    with pytest.raises(
        ConfigError,
        match=re.escape("arms.vit_sparse: needs the features of another arm, and no arm is of kind vit_pure"),
    ):
        complete(config)
    del config["arms"]["vit_sparse"]
    assert "control_random_vit" in instances(complete(config))  # of a family that only an arm that learns uses


def test_empty_stanza_means_defaults(config):
    config["classifiers"] = {"svm": None}
    assert complete(config)["classifiers"]["svm"]["kernels"] == ["linear", "rbf"]
