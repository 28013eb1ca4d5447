"""What can be known about 3D networks and volumes before any cohort is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sixgig.arms.volume_network.encoding import channels_fault
from sixgig.arms.volume_network.orientation import PREPARED, axes_of, is_orientation, oriented_size
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import ConfigError
from sixgig.weights.monai_networks import channels_key, channels_of, check_network, crop_fault, is_monai, network_names


def check(config: Mapping[str, Any], name: str, options_for: Callable[..., Mapping[str, Any]]) -> None:
    """Refuse networks, crops, modalities and cohorts that do not fit together.

    Args:
        config: The complete study file.
        name: Name of the arm.
        options_for: Returns the stanza as it applies to one cohort.

    Raises:
        ConfigError: Names the key.
        WeightsError: There is no such network, or it has no such option.
    """
    options, place = config["arms"][name], f"config key arms.{name}"
    unknown = sorted(set(options["per_cohort"]) - set(config["cohorts"]))
    if unknown:
        names = ", ".join(config["cohorts"])
        raise ConfigError(f"{place}.per_cohort.{unknown[0]}", "is no cohort of this study", f"use one of {names}")
    entry = config["weights"][options["weights"]]
    if not is_monai(entry["model"]):
        step = f"use weights whose model is one of {', '.join(f'monai:{known}' for known in network_names())}"
        raise ConfigError(f"{place}.weights", f"{entry['model']} is a network for images, not for volumes", step)
    check_network(entry["model"], entry.get("options"), f"config key weights.{options['weights']}")
    letters = options["orientation"]
    if not is_orientation(letters):
        step = "write one of R and L, one of A and P, one of S and I, such as RAS"
        raise ConfigError(f"{place}.orientation", f"is {letters}, which does not name each axis of the body once", step)
    for cohort, stanza in config["cohorts"].items():
        _check_cohort(options_for(options, cohort, stanza), place, entry, cohort, stanza)


def _check_cohort(
    own: Mapping[str, Any], place: str, entry: Mapping[str, Any], cohort: str, stanza: Mapping[str, Any]
) -> None:
    model, options = entry["model"], entry.get("options")
    if "volume" not in stanza:
        raise ConfigError(
            place,
            f"reads volumes, and cohort {cohort} has none",
            f"add `volume: {{size: [z, y, x]}}` to cohorts.{cohort} (3D cohorts), or leave the arm out",
        )
    crop, size = own["crop"], stanza["volume"]["size"]
    where = f"set {place.removeprefix('config key ')}.per_cohort.{cohort}.crop"
    if own["orientation"] != PREPARED and stanza.get("plane", "axial") != "axial":
        raise ConfigError(
            f"{place}.orientation",
            f"is {own['orientation']}, and volumes of cohort {cohort} are prepared from {stanza['plane']} slices",
            f"set cohorts.{cohort}.plane to axial, or leave {PREPARED}",
        )
    if any(part > whole for part, whole in zip(crop, size, strict=True)):
        raise ConfigError(
            f"{place}.crop",
            f"{crop} is larger than the volumes of cohort {cohort}, {size}",
            f"raise cohorts.{cohort}.volume.size, or {where}",
        )
    fault = crop_fault(model, options, oriented_size(crop, own["orientation"]))
    if fault is not None:
        reason, nearest = fault
        raise ConfigError(f"{place}.crop", reason, f"{where} to {_turned_back(nearest, own['orientation'])}")
    channels, modalities = channels_of(model, options), _modalities(stanza)
    wrong = None if modalities is None else channels_fault(modalities, channels, own["channels"])
    if wrong is not None:
        reason, step = wrong
        key = f"weights' options.{channels_key(model)}"
        raise ConfigError(f"{place}.channels", f"{reason} (cohort {cohort}; {key})", step)


def _modalities(stanza: Mapping[str, Any]) -> int | None:
    """Return the modalities of a cohort; None where its adapter does not know them before it reads files."""
    try:
        return len(open_adapter(stanza).modalities) or None
    except ConfigError:
        return None  # whoever reads the cohort says what is wrong


def _turned_back(size: list[int], letters: str) -> list[int]:
    found = [0, 0, 0]
    for side, (axis, _) in zip(size, axes_of(letters), strict=True):
        found[axis] = side
    return found
