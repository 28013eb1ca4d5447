"""This machine: its rates, measured once and kept in a cache file."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from sixgig.forecast.calibration import calibrate
from sixgig.forecast.rates import LAPTOP, REFERENCE, Machine, processor, usable_cores, with_cores
from sixgig.forecast.sheets import CardSheet
from sixgig.gpu.card import first_card
from sixgig.runtime.atomic import read_json, write_json

__all__ = ["LAPTOP", "REFERENCE", "Machine", "this_machine", "with_cores"]

#: Changes when what is measured changes.
_FORMAT = 2
#: Where the rates are kept, from the folder that results go to.
CACHE = Path("results/.machine.json")


def this_machine(cache: Path | None = None, cores: int | None = None) -> Machine:
    """Return the rates of this machine, from the cache file or measured now, which takes a few seconds.

    Args:
        cache: File that keeps them, by host, processor, card and torch; None for :data:`CACHE`.
        cores: Cores that a study is given; None for all that this process may use.
    """
    cache = CACHE if cache is None else cache
    key = machine_key()
    known = _read(cache).get(key)
    if known is None:
        known = asdict(calibrate())
        write_json(cache, {**_read(cache), key: known})
    machine = _machine(known)
    return machine if cores is None else with_cores(machine, cores)


def machine_key() -> str:
    """Return what the rates depend on, as a text."""
    card = first_card()
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "none"
    named = card.name if card else "no card"
    return f"{_FORMAT}; {platform.node()}; {processor()}; {usable_cores()} cores; {named}; torch {torch}"


def _machine(values: Mapping[str, Any]) -> Machine:
    card = values["card"]
    return Machine(**{**values, "card": CardSheet(**card) if card else None})


def _read(cache: Path) -> dict[str, Any]:
    try:
        found = read_json(cache)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
