"""Files of images or of volumes; data sets with published classes."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.adapters.medmnist import CLASSES
from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options, Public

_VOLUMES = {"dimensions": 3, "crop": "none"}


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    return [({}, []), (dict(_VOLUMES), [])]


def public(dataset: str, size: int | None) -> Public:
    """Return what is known about a data set before it is fetched; see the package."""
    volumes = dataset.endswith("3d")
    side = size or (64 if volumes else 128)
    stanza = {"official_splits": True, **(_VOLUMES if volumes else {})}
    return Public({"size": side}, stanza, CLASSES.get(dataset, ()), side if volumes else None)
