"""The catalogue of encoders: complete, true to timm and to what is counted, and filled into a study by name."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import yaml

from sixgig.arms.registry import arm_names, get_arm
from sixgig.arms.volume_network.work import encoding as volume_work
from sixgig.errors import ConfigError
from sixgig.gpu.work import ALLOCATOR_MB, Amount, encoding_memory
from sixgig.plan.config import complete
from sixgig.weights.catalogue import BATCH, CATALOGUE, find_encoder, read_catalogue, resolve_encoders
from sixgig.weights.entries import SINGLE_FILE, check_entry
from sixgig.weights.layout_names import LAYOUT_NAMES
from sixgig.weights.monai_sizes import volume_network_size
from sixgig.weights.probing import probe
from sixgig.weights.sizes import network_size

ROOT = Path(__file__).resolve().parents[3]
ENCODERS = read_catalogue()
FLAT = [name for name, encoder in ENCODERS.items() if encoder.dimensions == 2 and encoder.weights]
DEEP = [name for name, encoder in ENCODERS.items() if encoder.dimensions == 3 and encoder.weights]
#: Facts about weights that timm itself distributes.
OWN = [name for name in FLAT if ENCODERS[name].weights.get("source") == {"hub": {}}]


def test_at_least_25_encoders_in_2d_and_3d_general_and_medical():
    assert len(ENCODERS) >= 25
    assert sum(encoder.dimensions == 3 for encoder in ENCODERS.values()) >= 5
    assert sum(encoder.medical and encoder.dimensions == 2 for encoder in ENCODERS.values()) >= 5
    text = CATALOGUE.read_text()
    names = [line.strip() for line in text.splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(names) == len(set(names)) == len(ENCODERS)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_entry_says_what_it_must(name):
    encoder = ENCODERS[name]
    assert encoder.citation
    assert encoder.kinds
    assert encoder.gate in ("open", "registration", None)
    assert bool(encoder.weights) != bool(encoder.not_loadable)
    if encoder.weights:
        assert encoder.weights["model"]
        assert encoder.parameters
        assert encoder.vram_mb
        assert ("source" in encoder.weights) != bool(encoder.download)
    else:
        assert encoder.download
    if encoder.weights:
        assert encoder.weights["model"].startswith("monai:") == (encoder.dimensions == 3)


@pytest.mark.parametrize("name", FLAT)
def test_parameters_and_memory_are_those_that_are_counted(name):
    encoder = ENCODERS[name]
    model = encoder.weights["model"]
    counted = sum(tensor.numel() for tensor in probe(model, encoder.size).network.parameters())
    assert encoder.parameters == pytest.approx(counted, rel=0.01)
    fixed, each = encoding_memory(network_size(model, encoder.size), encoder.size, "bfloat16")
    assert encoder.vram_mb == pytest.approx(fixed + BATCH * each + ALLOCATOR_MB, rel=0.01)


@pytest.mark.parametrize("name", DEEP)
def test_what_is_said_of_a_network_of_volumes_is_counted_too(name):
    encoder = ENCODERS[name]
    size = volume_network_size(encoder.weights["model"], json.dumps(encoder.weights["options"]))
    assert encoder.parameters == pytest.approx(size.parameters, rel=0.01)
    options = {"crop": [encoder.size] * 3, "batch_size": BATCH, "channels": "match"}
    amount = Amount(subjects=1, images=1, volumes=1, volume_size=(encoder.size,) * 3)
    work = volume_work(options, amount, size, "bfloat16")
    assert encoder.vram_mb == pytest.approx(work.vram_mb(BATCH), rel=0.01)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_layout_whose_test_covers_it_exists(name):
    assert ENCODERS[name].covered_by in {*LAYOUT_NAMES, *SINGLE_FILE, "monai", "none"}


@pytest.mark.parametrize("name", FLAT)
def test_every_entry_is_one_that_a_study_may_hold(name):
    entry = {"encoder": name}
    if "source" not in ENCODERS[name].weights:
        entry["source"] = {"file": {"path": "x", "sha256": "0" * 64}}
    found = complete(study(entry))["weights"]["dinov2_vits14"]
    assert found["model"] == ENCODERS[name].weights["model"]
    assert check_entry("weights.w", found)[0] == found["model"]


@pytest.mark.parametrize("name", OWN)
def test_what_timm_distributes_is_as_timm_says(name):
    encoder, config = ENCODERS[name], timm.get_pretrained_cfg(ENCODERS[name].weights["model"])
    assert encoder.weights["mean"] == list(config.mean)
    assert encoder.weights["std"] == list(config.std)
    assert encoder.weights["interpolation"] == config.interpolation
    assert encoder.weights["crop"] == config.crop_pct
    assert (encoder.size, encoder.licence) == (config.input_size[-1], config.license)


@pytest.mark.parametrize("name", FLAT)
def test_every_kind_takes_the_encoder(name):
    encoder = ENCODERS[name]
    for kind in encoder.kinds:
        assert kind in arm_names()
        token = encoder.token or ("mean" if kind == "vit_mim" else "cls")
        get_arm(kind).check_network({"token": token}, encoder.weights["model"], encoder.size, "config key arms.x")


MEASURED = [name for name, encoder in ENCODERS.items() if encoder.measured]


@pytest.mark.parametrize("name", MEASURED)
def test_estimates_are_near_what_a_card_reserved(name):
    encoder = ENCODERS[name]
    assert encoder.estimated_at(encoder.measured["batch"]) == pytest.approx(encoder.measured["mb"], rel=0.25)


@pytest.mark.parametrize(
    ("model", "size", "batch", "reserved"), [("vit_base_patch16_224", 224, 16, 510), ("resnet50", 224, 32, 317)]
)
def test_estimates_are_near_what_the_laptop_study_took(model, size, batch, reserved):
    """Of docs/gpu.md, on other cards."""
    fixed, each = encoding_memory(network_size(model, size), size, "bfloat16")
    assert fixed + batch * each + ALLOCATOR_MB == pytest.approx(reserved, rel=0.25)


@pytest.mark.parametrize(("depth", "kind", "reserved"), [(10, "B", 3786), (18, "A", 3786), (50, "B", 3800)])
def test_estimates_of_convolutions_of_volumes_are_near_what_a_card_reserved(depth, kind, reserved):
    """MedicalNet's networks with a first stride of 1, which is not the catalogue's: 16 crops of 96 in bfloat16."""
    options = {"n_input_channels": 1, "shortcut_type": kind, "bias_downsample": kind == "A"}
    size = volume_network_size(f"monai:resnet{depth}", json.dumps(options))
    amount = Amount(subjects=1, images=1, volumes=1, volume_size=(96, 96, 96))
    work = volume_work({"crop": [96] * 3, "batch_size": 16, "channels": "match"}, amount, size, "bfloat16")
    assert work.vram_mb(16) == pytest.approx(reserved, rel=0.25)


def test_the_same_network_has_one_measurement():
    assert len(MEASURED) >= 35
    found = {}
    for encoder in ENCODERS.values():
        if encoder.weights:
            key = (encoder.weights["model"].partition(".")[0], json.dumps(encoder.weights.get("options")), encoder.size)
            assert found.setdefault(key, encoder.measured) == encoder.measured


def test_memory_is_the_measured_one_scaled_by_the_batch():
    encoder = ENCODERS["sam_vitb16"]
    assert encoder.measured == {"mb": 5636, "batch": 2}
    assert encoder.vram_at(2) == 5636
    fixed = encoder.parameters * 4 / 2**20 + ALLOCATOR_MB
    assert encoder.vram_at(8) == pytest.approx(fixed + 4 * (5636 - fixed))
    assert encoder.estimated_at(16) == pytest.approx(encoder.vram_mb)
    assert (encoder.batch_within(6144), encoder.batch_within(5635)) == (2, 1)  # on the card 4 did not fit 6144


def test_memory_grows_with_the_batch():
    encoder = replace(ENCODERS["dinov2_vits14"], measured=None)
    assert encoder.vram_at(16) == pytest.approx(encoder.vram_mb)
    fixed = encoder.parameters * 4 / 2**20 + ALLOCATOR_MB
    assert encoder.vram_at(4) == pytest.approx(fixed + (encoder.vram_mb - fixed) / 4)
    assert encoder.batch_within(6144) == 16
    assert encoder.batch_within(encoder.vram_at(4)) == 4
    assert encoder.batch_within(fixed) == 0


def study(entry):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["weights"]["dinov2_vits14"] = entry
    return config


def test_an_encoder_by_name_is_the_whole_entry():
    given = study({"encoder": "dinov2_vits14_wheel"})
    kept = copy.deepcopy(given)
    found = complete(given)["weights"]["dinov2_vits14"]
    assert given == kept
    wanted = complete(yaml.safe_load((ROOT / "config/config.yaml").read_text()))["weights"]["dinov2_vits14"]
    assert found == {"encoder": "dinov2_vits14_wheel", **wanted}
    assert complete(complete(given)) == complete(given)


def test_networks_of_volumes_by_name():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["cohorts"] = {"acdc_phantom": config["cohorts"]["acdc_phantom"]}
    config["weights"] = {"ct": {"encoder": "ct_i3resnet152"}}
    arm = {"kind": "volume_network", "weights": "ct", "crop": [16, 64, 64]}
    config["arms"] = {"ct": arm | dict(ENCODERS["ct_i3resnet152"].arm)}
    found = complete(config)["weights"]["ct"]
    assert (found["encoder"], found["options"]["conv1_t_size"]) == ("ct_i3resnet152", [3, 7, 7])
    assert len(found["source"]["wheels"]) == 3


def test_keys_beside_the_name_win():
    entry = {"encoder": "rad_dino", "source": {"file": {"path": "x", "sha256": "0" * 64}}, "mean": [0.5, 0.5, 0.5]}
    found = resolve_encoders({"rad": entry})["rad"]
    assert found == {"model": "vit_base_patch14_dinov2", **entry}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"encoder": "rad-dyno"}, r"weights.w.encoder: there is no encoder 'rad-dyno'.*\n.*did you mean rad_dino"),
        ({"encoder": "uni"}, r"weights.w.encoder: sixgig cannot build uni: .*\n.*features as a table"),
        ({"encoder": "radimagenet_resnet50"}, r"weights.w.source: is missing: .*\n.*BMEII-AI/RadImageNet.*sha256"),
    ],
)
def test_what_cannot_be_resolved_is_refused(entry, message):
    with pytest.raises(ConfigError, match=message):
        resolve_encoders({"w": entry})


def test_what_is_no_entry_is_left_to_the_schema():
    assert resolve_encoders([1]) == [1]
    assert resolve_encoders({"w": 3, "v": {"encoder": 4}}) == {"w": 3, "v": {"encoder": 4}}
    with pytest.raises(ConfigError, match="config key weights.dinov2_vits14"):
        complete(study({"encoder": 4}))


def test_finding_by_name():
    assert find_encoder("resnet50", "here").kinds == ["baseline_cnn"]
