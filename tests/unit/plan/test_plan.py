import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydicom.data import get_testdata_file

from sixgig.errors import ConfigError, EnvironmentMissingError
from sixgig.evaluation.metrics import METRICS
from sixgig.plan.plan import Plan
from sixgig.weights.entries import CONVERTERS
from sixgig.words.language import LANGUAGES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def test_default_study(config):
    plan = Plan(config)
    arms = ["baseline_cnn", "vit_pure", "vit_contrastive", "vit_mim"]
    assert plan.image_arms == [*arms, "control_random_efficientnet", "control_random_vit"]
    assert plan.feature_arms == ["vit_sparse"]
    assert plan.pretrained_arms == ["vit_contrastive", "vit_mim"]
    assert len(plan.methods) == 7 * 2 + 1
    assert ("control_majority_class", "majority_class") in plan.methods
    assert len(plan.targets("classify")) == 3 * 15
    assert plan.targets("report")[:3] == [
        f"results/default/{name}" for name in ("report.html", "verdicts.csv", "mlflow.json")
    ]
    assert "results/default/statistics/omnibus.csv" in plan.targets("statistics")
    assert "results/default/figures/critical_difference.png" in plan.figures("png")
    assert plan.weights_file("control_random_vit") == plan.weights_file("vit_pure")
    assert [plan.simulated(cohort) for cohort in plan.cohorts] == [False, True, True]


def test_arms_without_controls_and_tracking(config):
    config["arms"] = {"baseline_cnn": config["arms"]["baseline_cnn"]}
    config["controls"] = {"majority_class": False, "random_vit": False}
    config["tracking"] = {"mlflow": False}
    plan = Plan(config)
    assert plan.methods == [("baseline_cnn", "svm"), ("baseline_cnn", "src")]
    assert plan.feature_arms == []
    assert plan.targets("report")[:3] == [
        f"results/default/{name}" for name in ("report.html", "verdicts.csv", "tables/verdicts.csv")
    ]


def test_pseudonyms_are_the_default_where_ids_are_those_of_patients(config, tmp_path):
    shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / "a.dcm")
    config["cohorts"]["ct"] = {"adapter": "dicom", "source": {"path": str(tmp_path)}}
    plan = Plan(config)
    assert plan.key_table("ct") == "results/pseudonyms/default.ct.csv"
    assert plan.inventory_file("ct") == "results/pseudonyms/default.ct.inventory.json"
    assert plan.key_table("elpv") == ""
    config["cohorts"]["ct"]["pseudonyms"], config["cohorts"]["elpv"]["pseudonyms"] = False, True
    plan = Plan(config)
    assert plan.key_table("ct") == ""
    assert plan.inventory_file("ct") == "results/default/cohorts/ct/inventory.json"
    assert plan.key_table("elpv") == "results/pseudonyms/default.elpv.csv"


def test_nothing_is_set_aside_when_no_arm_learns(config):
    config["evaluation"] = {"pretraining_fraction": 0.4}
    assert Plan(config).pretraining_fraction == 0.4
    config["arms"] = {name: config["arms"][name] for name in ("vit_pure", "vit_sparse")}
    assert Plan(config).pretraining_fraction == 0.4  # a dictionary is learned
    del config["arms"]["vit_sparse"]
    assert Plan(config).pretraining_fraction == 0.0


def test_trained_arms_encode_with_what_they_learned(config):
    plan = Plan(config)
    trained = "results/default/pretraining/elpv/vit_contrastive.safetensors"
    assert plan.encoder_file("elpv", "vit_contrastive") == trained
    assert plan.encoder_file("elpv", "vit_pure") == plan.weights_file("vit_contrastive")
    assert plan.environment_check("vit_contrastive") == ["results/default/tensorflow1.json"]
    assert plan.environment_check("vit_pure") == []
    assert plan.environment_module("tensorflow1") == "sixgig.contrastive.__main__"
    assert plan.pictured_arms == ["vit_mim"]
    assert "results/default/figures/elpv/training.svg" in plan.figures("svg")
    assert "results/default/figures/elpv/reconstruction.svg" in plan.figures("svg")
    del config["arms"]["vit_mim"]
    assert not any("reconstruction" in file for file in Plan(config).figures("svg"))
    del config["arms"]["vit_contrastive"]
    assert not any("training" in file for file in Plan(config).figures("svg"))


def test_masked_modelling_takes_volumes_where_there_are_some(config):
    plan = Plan(config)
    assert plan.volumes_file("elpv", "vit_mim") == []
    assert plan.volumes_file("brats_phantom", "vit_mim") == ["results/default/cohorts/brats_phantom/volumes.npy"]
    assert plan.volumes_file("brats_phantom", "vit_contrastive") == []
    own = plan.arm_options("vit_mim", "acdc_phantom")
    assert (own["mode"], own["crop"], own["patch"]) == ("volume", [16, 64, 64], [4, 16, 16])
    assert "per_cohort" not in own
    assert plan.arm_options("vit_mim", "elpv")["mode"] == "slices"
    config["arms"]["vit_mim"]["mode"] = "slices"
    assert Plan(config).volumes_file("brats_phantom", "vit_mim") == []


def test_missing_tensorflow_environment_stops_the_plan_or_takes_the_way_out(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = config["arms"]["vit_contrastive"]
    options["interpreter"] = str(tmp_path / "no-python")
    with pytest.raises(EnvironmentMissingError, match="no-python: the TensorFlow 1 environment is missing"):
        Plan(config)
    options["on_missing_environment"] = "torch"
    assert Plan(config).environment_state("tensorflow1") == "missing"
    options["backend"] = "torch"
    plan = Plan(config)
    assert plan.environments == {}
    assert plan.environment_check("vit_contrastive") == []


def test_an_unusable_environment_is_checked_again(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usable = Plan(config).environment_state("tensorflow1")
    found = tmp_path / "results/default/tensorflow1.json"
    found.parent.mkdir(parents=True)
    found.write_text('{"usable": true}')
    assert Plan(config).environment_state("tensorflow1") == usable
    found.write_text('{"usable": false, "reason": "wrong TensorFlow"}')
    assert Plan(config).environment_state("tensorflow1") != usable


def test_digest_of_training_covers_the_other_process(config):
    modules = Plan(config).training_modules("vit_contrastive")
    assert modules == ["sixgig.arms.vit_contrastive.arm", "sixgig.contrastive.__main__"]
    assert Plan(config).training_modules("vit_pure") == ["sixgig.arms.vit_pure.arm"]


def test_planning_waits_for_nothing_that_computes_or_draws():
    code = "import sys, sixgig.plan.plan; print([m for m in ('pandas', 'matplotlib', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_files_are_in_the_order_of_their_keys(config):
    plan = Plan(config)
    named = [f"/{cohort}/{arm}.{classifier}.csv" for cohort, arm, classifier in plan.method_keys]
    assert [file.removeprefix("results/default/predictions") for file in plan.predictions("csv")] == named
    assert [f"/{cohort}/{arm}.npz" for cohort, arm in plan.arm_keys] == [
        file.removeprefix("results/default/features") for file in plan.features("npz")
    ]
    assert len(plan.trainings("json")) == len(plan.trained_keys) == 6
    assert len(plan.figure_inputs("elpv")) == 15 + 3 * 2 + 1


def test_converters_are_those_of_the_package():
    for module in CONVERTERS.values():
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file()


def test_exported_tables_are_those_of_the_package(config):
    assert "results/default/tables/elpv.pairs.tex" in Plan(config).tables()
    assert "results/default/tables/results.md" in Plan(config).targets("report")


def test_options_that_do_not_fit_the_adapter_are_named(config):
    config["cohorts"]["elpv"]["modalities"] = ["t1"]
    with pytest.raises(ConfigError, match=re.escape("cohorts.elpv.modalities")):
        Plan(config)
    del config["cohorts"]["elpv"]["modalities"]
    del config["cohorts"]["brats_phantom"]["modalities"]
    with pytest.raises(ConfigError, match=re.escape("cohorts.brats_phantom.modalities: is needed")):
        Plan(config)


def test_every_missing_file_is_listed_at_once(config, tmp_path):
    config["cohorts"]["brats_phantom"]["source"] = {"path": str(tmp_path / "brats")}
    config["cohorts"]["acdc_phantom"]["source"] = {"path": str(tmp_path / "acdc")}
    config["weights"]["efficientnet_lite0"] = {
        "source": {"file": {"path": str(tmp_path / "w.pth"), "sha256": "0" * 64}}, "converter": "timm",
        "model": "resnet50.a1_in1k",
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        Plan(config)
    for part in (
        "cohorts.brats_phantom",
        "cohorts.acdc_phantom",
        f"weights.efficientnet_lite0.source.file.path: {tmp_path}/w.pth",
    ):
        assert part in str(caught.value)


def test_unknown_stage(config):
    with pytest.raises(ValueError, match="no stage everything"):
        Plan(config).targets("everything")


def test_the_schema_offers_the_metrics_and_languages_that_there_are():
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["properties"]
    offered = schema["evaluation"]["properties"]["metric"]["enum"]
    usable = [name for name, metric in METRICS.items() if metric.higher_is_better and not metric.binary_only]
    assert offered == usable
    assert sorted(schema["language"]["enum"]) == sorted(LANGUAGES)
