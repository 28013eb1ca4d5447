"""How images are prepared for a set of weights: who says it, in which order, and what happens when nobody does."""

from types import SimpleNamespace

import pytest

from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.plan.schema import load_schema
from sixgig.weights.entries import CONVERTERS, check_entry
from sixgig.weights.positions import RULES
from sixgig.weights.preprocessing import data_config_of, from_configs

FILE = {"file": {"path": "w.pth", "sha256": "0" * 64}}
HUB = {"hub": {"repository": "hf-hub:some/thing"}}


NETWORK = SimpleNamespace(pretrained_cfg={
    "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "interpolation": "bilinear", "crop_pct": 0.9,
    "input_size": (3, 160, 160), "classifier": "head",
})  # fmt: skip


def test_timms_record_counts_where_the_model_names_its_weights():
    found = data_config_of("weights.x", {"source": FILE, "model": "resnet50.a1_in1k"}, NETWORK, {})
    assert found == {
        "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bilinear", "size": 160, "crop": 0.9,
    }  # fmt: skip


def test_the_entry_counts_more_than_anything_else():
    own = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "lanczos", "crop": 0.5}
    entry = {"source": HUB, "model": "resnet50.a1_in1k", **own}
    found = data_config_of("weights.x", entry, NETWORK, {"preprocessor_config.json": {"image_mean": [0.9] * 3}})
    assert found == {**own, "size": 160}


@pytest.mark.parametrize("model", ["resnet50", "vit_base_patch16_224"])
def test_a_bare_architecture_has_to_say_mean_and_std(model):
    """ImageNet's used to be assumed in silence."""
    with pytest.raises(ConfigError, match=f"weights.x: lacks mean and std: {model} names a network") as caught:
        check_entry("weights.x", {"source": FILE, "model": model})
    assert "`mean: [0.485, 0.456, 0.406]`" in caught.value.next_step
    with pytest.raises(ConfigError, match="lacks std"):
        check_entry("weights.x", {"source": FILE, "model": model, "mean": [0.5] * 3})
    check_entry("weights.x", {"source": FILE, "model": model, "mean": [0.5] * 3, "std": [0.5] * 3})


def test_mean_and_std_are_asked_for_while_planning():
    study = {
        "study": "x",
        "cohorts": {"elpv": {"adapter": "elpv", "source": {"path": "."}}},
        "weights": {"w": {"source": FILE, "model": "resnet50"}},
        "arms": {"baseline_cnn": {"weights": "w"}},
        "controls": {"random_vit": False},
    }
    with pytest.raises(ConfigError, match=r"config key weights\.w: lacks mean and std"):
        complete(study)
    study["weights"]["w"] |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert complete(study)["weights"]["w"]["converter"] == "auto"


@pytest.mark.parametrize(("mean", "std"), [([0.5], [0.5, 0.5]), ([0.5] * 3, [0.5, 0.5, 0.0])])
def test_mean_and_std_that_do_not_belong_together(mean, std):
    with pytest.raises(ConfigError, match="do not belong together"):
        check_entry("weights.x", {"source": FILE, "model": "resnet50", "mean": mean, "std": std})


def test_a_repository_that_does_not_say_it_is_an_error():
    entry = {"source": HUB, "model": "resnet50"}
    check_entry("weights.x", entry)  # its files may say it
    with pytest.raises(ConfigError, match="lacks mean and std"):
        data_config_of("weights.x", entry, NETWORK, {"config.json": {"model_type": "resnet"}})


def test_one_number_counts_for_every_channel():
    entry = {"source": FILE, "model": "resnet50", "mean": [0.5], "std": [0.2]}
    assert data_config_of("weights.x", entry, NETWORK, {})["std"] == [0.2] * 3


@pytest.mark.parametrize(
    ("configs", "wanted"),
    [
        (
            {"config.json": {"architecture": "vit", "pretrained_cfg": {
                "mean": [0.7] * 3, "std": [0.3] * 3, "interpolation": "bicubic", "crop_pct": 0.95,
                "input_size": [3, 384, 384]}}},
            {"mean": [0.7] * 3, "std": [0.3] * 3, "interpolation": "bicubic", "crop": 0.95, "size": 384},
        ),
        (  # RAD-DINO's
            {"config.json": {"model_type": "dinov2"}, "preprocessor_config.json": {
                "do_center_crop": True, "crop_size": {"height": 518, "width": 518}, "size": {"shortest_edge": 518},
                "image_mean": [0.5307] * 3, "image_std": [0.2583] * 3, "resample": 3}},
            {"mean": [0.5307] * 3, "std": [0.2583] * 3, "interpolation": "bicubic", "crop": 1.0, "size": 518},
        ),
        (  # DINOv2's
            {"preprocessor_config.json": {
                "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 256},
                "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3}},
            {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "interpolation": "bicubic", "crop": 0.875,
             "size": 224},
        ),
        (  # SigLIP's
            {"preprocessor_config.json": {
                "size": {"height": 448, "width": 448}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}},
            {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "crop": 1.0, "size": 448},
        ),
        (
            {"preprocessor_config.json": {"size": 224, "do_normalize": False, "resample": 3}},
            {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bicubic", "crop": 1.0, "size": 224},
        ),
        (  # BiomedCLIP's
            {"open_clip_config.json": {
                "model_cfg": {"vision_cfg": {"timm_model_name": "vit_base_patch16_224", "image_size": 224}},
                "preprocess_cfg": {
                    "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}}},
            {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
             "interpolation": "bicubic", "crop": 1.0, "size": 224},
        ),
    ],
)  # fmt: skip
def test_files_of_model_cards(configs, wanted):
    assert from_configs(configs) == wanted


def test_the_schema_offers_the_converters_that_there_are():
    entry = load_schema()["$defs"]["weights"]["properties"]
    assert entry["converter"]["enum"] == list(CONVERTERS)
    assert entry["position_resampling"]["enum"] == list(RULES)
