from pathlib import Path

import pytest

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.registry import adapter_names, check_source, load_adapter, open_adapter
from sixgig.errors import ConfigError


@pytest.mark.parametrize("name", adapter_names())
def test_every_adapter_is_complete(name: str, tmp_path: Path) -> None:
    assert issubclass(load_adapter(name), Adapter)
    adapter = open_adapter({"adapter": name})
    assert adapter.name == name
    assert adapter.dimensions in (2, 3)
    assert "split" in adapter.subject_note or "subjects are" in adapter.subject_note
    assert adapter.title
    (problem,) = check_source({"adapter": name}, tmp_path / "absent")
    assert problem.startswith(f"{tmp_path / 'absent'} does not exist")


def test_unknown_adapter_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="adapter 'kits': is not a cohort adapter; there are: acdc, bids, brats, dicom, elpv"
    ):
        load_adapter("kits")


@pytest.mark.parametrize("modalities", [["flair", "adc"], ["t1", "t1"], []])
def test_modalities_are_checked(modalities: list[str]) -> None:
    with pytest.raises(ConfigError, match="list each of these at most once: flair, t1, t1ce, t2"):
        load_adapter("brats")(modalities)
