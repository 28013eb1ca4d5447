"""The catalogue of encoders: what is known of each, and the entry of ``weights`` that a study gets by naming one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sixgig.errors import ConfigError
from sixgig.gpu.work import ALLOCATOR_MB
from sixgig.runtime.discovery import read_yaml
from sixgig.runtime.places import WORKFLOW

#: Where it is kept: beside the default study, in a clone and in an installed package.
CATALOGUE = WORKFLOW / "config" / "encoders.yaml"
#: The key of an entry of ``weights`` that names an encoder.
KEY = "encoder"
#: Images per batch of the catalogue's GPU memory.
BATCH = 16
_MIB = 1024 * 1024


@dataclass(frozen=True)
class CatalogueEncoder:
    """What the catalogue says of an encoder; None where nobody could confirm it.

    Attributes:
        title: Name for people.
        dimensions: 2 for images, 3 for volumes.
        medical: Whether it was trained on medical images.
        size: Side in pixels of the images it was trained on; in 3D, in voxels of the crop that memory is counted for.
        kinds: Kinds of arm that take it.
        citation: Paper.
        covered_by: Layout of state dicts whose test covers it, or ``none``.
        weights: The entry of ``weights``; empty when sixgig cannot build the network. Without ``source`` the user
            fetches a file.
        licence: Of the weights.
        gate: ``open`` or ``registration``.
        token: What ``token`` of its arm should be, where it is not the default.
        arm: What else its arm should have.
        parameters: Without head.
        vram_mb: GPU memory at a batch of :data:`BATCH` and its own size in 16 bits, in MiB, as estimated.
        measured: What a card reserved at that size, ``mb``, at a ``batch``; None where nobody has measured it.
        download: Where a person gets it, when ``weights`` has no source.
        not_loadable: Why sixgig cannot build it.
        note: What else to know.
    """

    title: str
    dimensions: int
    medical: bool
    size: int
    kinds: Sequence[str]
    citation: str
    covered_by: str
    weights: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None
    gate: str | None = None
    token: str | None = None
    arm: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    vram_mb: int | None = None
    measured: Mapping[str, int] | None = None
    download: str | None = None
    not_loadable: str | None = None
    note: str | None = None

    def vram_at(self, batch: int) -> float | None:
        """Return the GPU memory at a batch size, in MiB: the measured one where there is one, or the estimate."""
        if self.measured is None:
            return self.estimated_at(batch)
        return self._scaled(self.measured["mb"], self.measured["batch"], batch)

    def estimated_at(self, batch: int) -> float | None:
        """Return the estimated GPU memory at a batch size, in MiB; None when it is not known."""
        return self._scaled(self.vram_mb, BATCH, batch)

    def _scaled(self, known_mb: int | None, at: int, batch: int) -> float | None:
        if known_mb is None or self.parameters is None:
            return None
        fixed = self.parameters * 4 / _MIB + ALLOCATOR_MB
        return fixed + (known_mb - fixed) * batch / at

    def batch_within(self, limit_mb: float) -> int | None:
        """Return the largest of 16, 8, 4, 2, 1 that fits into so much GPU memory; 0 when none, None when not known."""
        batch = BATCH
        while batch:
            needed = self.vram_at(batch)
            if needed is None:
                return None
            if needed <= limit_mb:
                return batch
            batch //= 2
        return 0


@cache
def read_catalogue(path: Path = CATALOGUE) -> dict[str, CatalogueEncoder]:
    """Return the encoders by name, in the file's order."""
    return {name: CatalogueEncoder(**facts) for name, facts in read_yaml(path)["encoders"].items()}


def find_encoder(name: str, place: str) -> CatalogueEncoder:
    """Return an encoder of the catalogue.

    Args:
        name: Its name.
        place: What names it, for the message.

    Raises:
        ConfigError: There is none of this name; the nearest are given.
    """
    known = read_catalogue()
    if name not in known:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=3, cutoff=0.4) or list(known)[:3]
        reason = f"there is no encoder {name!r} in the catalogue"
        raise ConfigError(place, reason, f"did you mean {' or '.join(near)}? `sixgig encoders` lists all")
    return known[name]


def resolve_encoders(weights: Any) -> Any:
    """Return the ``weights`` of a study with every ``encoder`` filled in from the catalogue.

    The key ``encoder`` stays, so that the study's record has the name and what it meant. Keys that stand beside it win.
    What is no mapping is left to the schema's checks.

    Raises:
        ConfigError: There is no such encoder, sixgig cannot build it, or its file has to be fetched by hand.
    """
    if not isinstance(weights, Mapping):
        return weights
    return {name: _resolved(entry, f"config key weights.{name}") for name, entry in weights.items()}


def _resolved(entry: Any, place: str) -> Any:
    if not isinstance(entry, Mapping) or not isinstance(entry.get(KEY), str):
        return entry
    name = entry[KEY]
    found = find_encoder(name, f"{place}.{KEY}")
    if found.not_loadable:
        step = (
            "choose another: `sixgig encoders` lists them; or encode with its own code and give the features as a table"
        )
        raise ConfigError(f"{place}.{KEY}", f"sixgig cannot build {name}: {found.not_loadable}", step)
    merged = {**found.weights, **entry}
    if "source" not in merged:
        step = (
            f"get the weights file ({found.download}) and add `source: {{file: {{path: ..., sha256: ...}}}}` beside it"
        )
        raise ConfigError(f"{place}.source", f"is missing: no hub holds {name} in a form that sixgig fetches", step)
    return merged
