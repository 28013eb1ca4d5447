from pathlib import Path

import pytest

from sixgig.cohorts import ADAPTERS, check_source, load_adapter
from sixgig.cohorts.base import Adapter
from sixgig.errors import ConfigError


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_is_complete(name: str, tmp_path: Path) -> None:
    adapter = load_adapter(name)
    assert issubclass(adapter, Adapter)
    assert adapter.name == name
    assert adapter.dimensions in (2, 3)
    assert "split" in adapter.subject_note
    assert adapter.title
    assert check_source(name, tmp_path / "absent") == [
        f"{tmp_path / 'absent'} does not exist" + ("" if adapter.dimensions == 2 else " or is no folder")
    ]


def test_unknown_adapter_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="adapter 'kits': is not a cohort adapter; there are: acdc, brats, elpv"):
        load_adapter("kits")


@pytest.mark.parametrize("modalities", [["flair", "adc"], ["t1", "t1"], []])
def test_modalities_are_checked(modalities: list[str]) -> None:
    with pytest.raises(ConfigError, match="list each of these at most once: flair, t1, t1ce, t2"):
        load_adapter("brats")(modalities)
