"""A machine of round numbers, and studies whose files are not there."""

import copy
from pathlib import Path

import pytest
import yaml

from sixgig.forecast.rates import Machine
from sixgig.forecast.sheets import CardSheet
from sixgig.plan.plan import Plan

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture
def machine():
    """Two cores of 100 and 10 GFLOP/s, twice as fast together; everything else as round."""
    return Machine(
        "round", 2, 8000.0, 100.0, 10.0, 2.0, scalar=1.0, start_s=1.0, torch_start_s=3.0, disk_mb_s=100.0,
        gunzip_mb_s=200.0, download_mb_s=10.0, basis="measured",
    )  # fmt: skip


@pytest.fixture
def card():
    """A card that reaches 5 TFLOP/s and 100 GB/s, with 6 GiB."""
    return CardSheet("round card", 6144.0, 2.0, 5.0, 100.0, measured=True)


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    """Return a function that opens a study of this repository, with changed keys, where none of its files is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sixgig.forecast.stages.Stages.compiled", True)

    def opened(name="config", **changes):
        config = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())
        for key, value in changes.items():
            *path, last = key.split("__")
            place = config
            for part in path:
                place = place.setdefault(part, {})
            place[last] = copy.deepcopy(value)
        return Plan(config, look=False)

    return opened
