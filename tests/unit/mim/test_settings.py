import json
from dataclasses import fields

import pytest

from sixgig.errors import ArmError
from sixgig.mim.settings import _RULES, Settings
from tests.unit.mim.tiny_mim import SETTINGS, settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("objective", "mim"),
        ("mask_ratio", 0.0),
        ("mask_ratio", 1.0),
        ("mask_ratio", float("nan")),
        ("steps", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("minimum_learning_rate", -1e-4),
        ("warmup_steps", -1),
        ("weight_decay", -0.1),
        ("seed", -1),
        ("seed", 2**32),
        ("threads", 0),
        ("micro_batch_size", -1),
        ("clip", -1.0),
        ("ema", 1.0),
        ("precision", "half"),
        ("checkpoint_seconds", -1.0),
        ("evaluation_items", 0),
    ],
)
def test_a_value_out_of_range_names_its_key_and_the_range(key, value):
    with pytest.raises(ArmError) as caught:
        settings(**{key: value})
    assert caught.value.place == f"arms.vit_mim.{key}"
    assert _RULES[key][1] in caught.value.reason


def test_every_setting_with_a_range_has_one():
    assert {field.name for field in fields(Settings)} - set(_RULES) == {"gradient_checkpointing", "reference"}


def test_the_minimum_rate_is_not_above_the_rate():
    settings(learning_rate=1e-3, minimum_learning_rate=1e-3)
    with pytest.raises(ArmError, match="above learning_rate"):
        settings(learning_rate=1e-3, minimum_learning_rate=2e-3)


def test_a_warm_up_as_long_as_the_training_is_refused():
    settings(steps=10, warmup_steps=9)
    with pytest.raises(ArmError, match="the full learning rate is never used") as caught:
        settings(steps=10, warmup_steps=10)
    assert "set it to 1 (a tenth" in caught.value.next_step


@pytest.mark.parametrize(("asked", "got"), [(0, 4), (1, 1), (3, 3), (9, 4)])
def test_the_micro_batch_is_the_whole_batch_at_most(asked, got):
    assert settings(micro_batch_size=asked).micro_batch == got


def test_plain_values_come_back_from_json():
    assert Settings(**json.loads(json.dumps(SETTINGS.as_dict()))) == SETTINGS
