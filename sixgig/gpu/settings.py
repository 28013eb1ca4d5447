"""How a card is watched: what the study file says of it, handed to the jobs in environment variables.

Variables and not `params:`, so that a study has nothing to run again because its card is watched in another way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MONITOR, _HOTTEST = "SIXGIG_GPU_MONITOR", "SIXGIG_GPU_MAX_TEMPERATURE"


@dataclass(frozen=True)
class WatchSettings:
    """How a card is watched.

    Attributes:
        monitor: ``nvml``, ``gputil`` or ``nvidia_smi``.
        max_temperature: Degrees Celsius above which a job pauses; None for what the card itself says.
    """

    monitor: str = "nvml"
    max_temperature: float | None = None


def watch_variables(gpu: Mapping[str, Any]) -> dict[str, str]:
    """Return environment variables for the key ``gpu`` of a study file."""
    return {_MONITOR: gpu["monitor"], _HOTTEST: str(gpu.get("max_temperature") or "")}


def watch_settings(variables: Mapping[str, str] | None = None) -> WatchSettings:
    """Return what :func:`watch_variables` put into the environment; the defaults where it did not."""
    given = os.environ if variables is None else variables
    hottest = given.get(_HOTTEST)
    return WatchSettings(given.get(_MONITOR, "nvml"), float(hottest) if hottest else None)
