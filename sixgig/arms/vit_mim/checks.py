"""What can be known about the crops of masked image modelling before any cohort is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sixgig.errors import ConfigError

_PLACE = "config key arms.vit_mim"


def check(config: Mapping[str, Any], arm: str, options_for: Callable[..., Mapping[str, Any]]) -> None:
    """Refuse options that contradict each other, and crops that fit no volume.

    Args:
        config: The complete study file.
        arm: The arm's name.
        options_for: Returns the stanza as it applies to one cohort.

    Raises:
        ConfigError: Names the key.
    """
    options = config["arms"][arm]
    unknown = sorted(set(options["per_cohort"]) - set(config["cohorts"]))
    if unknown:
        names = ", ".join(config["cohorts"])
        raise ConfigError(f"{_PLACE}.per_cohort.{unknown[0]}", "is no cohort of this study", f"use one of {names}")
    if (options["init"] == "file") != ("init_file" in options):
        raise ConfigError(f"{_PLACE}.init_file", "goes with `init: file`, and only with it", "give both or none")
    if options["encoder"] and options["init"] != "scratch":
        raise ConfigError(f"{_PLACE}.encoder", "sizes go with `init: scratch` alone", "remove them, or change init")
    for name, cohort in config["cohorts"].items():
        own = options_for(options, name, cohort)
        if own["mode"] == "volume":
            _check_crops(own, name, cohort)


def _check_crops(own: Mapping[str, Any], name: str, cohort: Mapping[str, Any]) -> None:
    if "volume" not in cohort:
        raise ConfigError(
            f"{_PLACE}.mode",
            f"is volume, and cohort {name} has no volumes",
            f"set it to auto or slices, or add `volume: {{size: [z, y, x]}}` to cohorts.{name} (3D cohorts)",
        )
    crop, patch, size = own["crop"], own["patch"], cohort["volume"]["size"]
    if any(part % side for part, side in zip(crop, patch, strict=True)):
        fits = [max(part // side, 1) * side for part, side in zip(crop, patch, strict=True)]
        raise ConfigError(
            f"{_PLACE}.patch", f"{patch} does not divide the crop {crop} of cohort {name}", f"use a crop of {fits}"
        )
    if any(part > whole for part, whole in zip(crop, size, strict=True)):
        raise ConfigError(
            f"{_PLACE}.crop",
            f"{crop} is larger than the volumes of cohort {name}, {size}",
            f"raise cohorts.{name}.volume.size, or set arms.vit_mim.per_cohort.{name}.crop",
        )
