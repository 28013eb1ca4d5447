"""`sixgig encoders`: what it lists, what fits, and the lines that it gives for a study file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sixgig.command.main import main
from sixgig.gpu.card import Card
from sixgig.plan.config import complete
from sixgig.weights.catalogue import read_catalogue

ROOT = Path(__file__).resolve().parents[3]
ENCODERS = read_catalogue()


def listed(capsys, *options):
    assert main(["encoders", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_are_listed_with_what_fits_6_gb(capsys):
    found = listed(capsys)
    assert list(found) == list(ENCODERS)
    assert found["dinov2_vits14"]["fits_at_batch_16"] is True
    heavy = found["swinunetr_ssl"]
    assert (heavy["fits_at_batch_16"], heavy["batch_that_fits"]) == (False, 4)
    assert found["uni"]["batch_that_fits"] is None
    assert found["rad_dino"]["licence"] == "mit"


def test_filters(capsys):
    assert {facts["dimensions"] for facts in listed(capsys, "--3d").values()} == {3}
    assert all(facts["medical"] for facts in listed(capsys, "--medical", "--2d").values())
    found = listed(capsys, "--fits", "0.5")
    assert "dino_vits16" in found
    assert "dinov2_vitl14" not in found


def test_the_memory_of_the_card(capsys, monkeypatch):
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: Card("A card", "uuid", 8192.0))
    found = listed(capsys, "--3d", "--fits")
    assert (found["swinunetr_ssl"]["gigabytes"], found["swinunetr_ssl"]["batch_that_fits"]) == (8.0, 4)
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    assert main(["encoders", "--fits"]) == 2
    assert "this machine shows no card\n  Next step: give its memory" in capsys.readouterr().err


def test_the_table_says_what_is_not_confirmed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["encoders", "--medical"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.strip().startswith("medsam ")]
    assert row.split() == [
        "medsam", "2D", "med.", "1024", "89.7", f"{ENCODERS['medsam'].vram_at(16):.0f}", "2", "?", "?", "timm",
        "vit_pure",
    ]  # fmt: skip
    assert "?: not confirmed" in " ".join(" ".join(lines).split())


def test_an_estimate_is_marked_where_nobody_has_measured(capsys, monkeypatch):
    unmeasured = replace(ENCODERS["resnet50"], measured=None)
    monkeypatch.setattr("sixgig.weights.catalogue.read_catalogue", lambda: {"resnet50": unmeasured})
    assert main(["encoders"]) == 0
    assert f" ~{unmeasured.vram_mb} " in capsys.readouterr().out
    assert main(["encoders", "resnet50"]) == 0
    assert "estimated; not measured" in capsys.readouterr().out


def test_one_encoder_shows_what_was_measured_and_the_estimate(capsys):
    assert main(["encoders", "sam_vitb16"]) == 0
    shown, encoder = capsys.readouterr().out, ENCODERS["sam_vitb16"]
    assert f"5636 MiB at batch 2, measured; about {encoder.vram_mb} MiB at batch 16 in 16 bits, estimated" in shown
    assert "fits at batch 2, not 16" in shown


@pytest.mark.parametrize(
    "name", [name for name, encoder in ENCODERS.items() if encoder.dimensions == 2 and "source" in encoder.weights]
)
def test_the_lines_for_a_study_file_make_a_study(name, capsys):
    assert main(["encoders", name]) == 0
    shown = capsys.readouterr().out
    assert ENCODERS[name].citation in shown
    lines = yaml.safe_load(shown.partition("In a study file:\n")[2])
    assert lines["weights"] == {name: {"encoder": name}}
    assert lines["arms"][name]["kind"] == ENCODERS[name].kinds[0]
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    study["weights"] |= lines["weights"]
    study["arms"] |= lines["arms"]
    found = complete(study)
    assert found["weights"][name] == ENCODERS[name].weights | found["weights"][name]
    assert found["arms"][name].get("token", "") in (ENCODERS[name].token or "cls", "")


def test_an_unknown_name_brings_the_nearest(capsys):
    assert main(["encoders", "rad-dinno"]) == 2
    assert "did you mean rad_dino" in capsys.readouterr().err
