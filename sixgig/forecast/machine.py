"""This machine: its rates, measured once and kept in a cache file."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from sixgig.forecast.calibration import calibrate
from sixgig.forecast.rates import LAPTOP, REFERENCE, Machine, processor, usable_cores, with_cores
from sixgig.forecast.sheets import CardSheet
from sixgig.gpu.card import first_card
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.user_cache import user_cache

__all__ = ["LAPTOP", "REFERENCE", "Machine", "this_machine", "with_cores"]

#: Changes when what is measured changes.
_FORMAT = 4


def this_machine(cache: Path | None = None, cores: int | None = None) -> Machine:
    """Return the rates of this machine, from the cache file or measured now, which takes a few seconds.

    Args:
        cache: File that keeps them, by host, processor, card and torch; None for that of :func:`cache_file`. A
            file that cannot be written is no reason not to plan: rates are measured again the next time.
        cores: Cores that a study is given; None for all that this process may use.
    """
    cache = cache_file() if cache is None else cache
    key = machine_key()
    machine = _machine(_read(cache).get(key))
    if machine is None:
        machine = calibrate()
        if machine.card is None or machine.card.measured:  # else a job held the card: it is measured another time
            with suppress(OSError):
                write_json(cache, {**_read(cache), key: asdict(machine)})
    return machine if cores is None else with_cores(machine, cores)


def cache_file() -> Path:
    """Return the file of this user that keeps rates: planning writes nothing into the folder of results."""
    return user_cache("machine.json")


def machine_key() -> str:
    """Return what the rates depend on, as a text."""
    card = first_card()
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "none"
    named = card.name if card else "no card"
    return f"{_FORMAT}; {platform.node()}; {processor()}; {usable_cores()} cores; {named}; torch {torch}"


def _machine(values: Mapping[str, Any] | None) -> Machine | None:
    """Return the machine that was written down; None when that was something else."""
    try:
        card = (values or {})["card"]
        return Machine(**{**(values or {}), "card": CardSheet(**card) if card else None})
    except (KeyError, TypeError):
        return None


def _read(cache: Path) -> dict[str, Any]:
    try:
        found = read_json(cache)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
