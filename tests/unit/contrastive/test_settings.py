"""Settings cross the border between two environments as plain values."""

import json

import pytest

from sixgig.contrastive.settings import Settings
from sixgig.errors import TrainingError

VALUES = {
    "loss": "g_d",
    "batch_size": 8,
    "partitions": 4,
    "steps": 40,
    "local_steps": 0,
    "learning_rate": 3e-5,
    "warmup_steps": 5,
    "temperature": 0.1,
    "crop_fraction": 0.5,
    "brightness": 0.3,
    "contrast_low": 0.7,
    "contrast_high": 1.3,
    "frozen_blocks": 8,
    "micro_batch_size": 0,
    "token": "cls",
    "patience": 0,
    "precision": "float32",
    "reference_batching": False,
    "seed": 1,
    "threads": 2,
}


def test_settings_survive_json():
    settings = Settings.from_dict(VALUES)
    again = Settings.from_dict(json.loads(json.dumps(settings.as_dict())))
    assert again == settings
    assert settings.as_dict() == {
        **VALUES, "evidence_images": 200, "evidence_batches": 4, "checkpoint_seconds": 60.0,
        "reference_regions": False,
    }  # fmt: skip


def test_whole_numbers_become_floats_where_floats_belong():
    settings = Settings.from_dict({**VALUES, "crop_fraction": 1})
    assert isinstance(settings.crop_fraction, float)


def test_names_must_be_right():
    values = {name: value for name, value in VALUES.items() if name != "token"}
    with pytest.raises(TrainingError, match="job.json: settings do not fit; missing: token; unknown: tokens"):
        Settings.from_dict({**values, "tokens": "cls"}, "job.json")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("loss", "simclr", "one of g_r, g_d_minus, g_d"),
        ("steps", 0, "at least 1"),
        ("steps", 4.5, "of type int"),
        ("steps", True, "of type int"),
        ("seed", "1", "of type int"),
        ("seed", -1, "0 to 4294967295"),
        ("learning_rate", float("nan"), "of type float"),
        ("learning_rate", 0.0, "above 0"),
        ("crop_fraction", 1.01, "above 0 and at most 1"),
        ("reference_batching", 1, "of type bool"),
        ("precision", "auto", "one of float32, float16, bfloat16"),
        ("token", "max", "one of cls, mean, cls_mean"),
    ],
)
def test_values_must_be_right(name, value, message):
    with pytest.raises(TrainingError, match=f"settings: {name}: is .*{message}"):
        Settings.from_dict({**VALUES, name: value})


def test_contrast_must_be_an_interval():
    with pytest.raises(TrainingError, match=r"contrast_low: is 1.4, above contrast_high 1.3"):
        Settings.from_dict({**VALUES, "contrast_low": 1.4})
