"""The options of one cohort in the study file, checked before any image is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sixgig.cohorts import load_adapter
from sixgig.cohorts.base import Adapter
from sixgig.errors import ConfigError

_KEYS = ("modalities", "slices", "volume", "limit", "partitions", "crop_mm")
#: Keys of a cohort's stanza that other stages read.
_OTHER_KEYS = ("adapter", "source", "title", "positive")
_DEFAULT_PARTITIONS = 4
_CHANNELS_OF_AN_IMAGE = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How every subject of a cohort is prepared.

    Attributes:
        image_size: Side of the square images in pixels.
        every: Take each n-th slice; None when not asked for.
        count: Take n slices of each volume; None when not asked for. Neither: all slices.
        partitions: Number of equal axial partitions.
        volume_size: (D, H, W) of volumes.npy, or None for a file without rows.
        crop_mm: In-plane side of the centre crop in mm, or None for the foreground's bounding box.
    """

    image_size: int
    every: int | None = None
    count: int | None = None
    partitions: int = _DEFAULT_PARTITIONS
    volume_size: tuple[int, int, int] | None = None
    crop_mm: float | None = None


def read_options(
    adapter_name: str, cohort: str, options: Mapping[str, Any], image_size: int
) -> tuple[Adapter, Recipe, int | None]:
    """Check the options of a cohort.

    Args:
        adapter_name: Name in the registry.
        cohort: Name of the cohort, for the error messages.
        options: The cohort's stanza; None values count as absent.
        image_size: Side of the images in pixels.

    Returns:
        The adapter, the recipe, and the most subjects to use (None for all).

    Raises:
        ConfigError: An option is unknown, of a wrong form, or does not fit the adapter; the place is its config key.
    """
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if key not in _KEYS + _OTHER_KEYS:
            raise ConfigError(f"cohorts.{cohort}.{key}", "is no option of a cohort", f"use {', '.join(_KEYS)}")
    try:
        adapter = load_adapter(adapter_name)(given.get("modalities"))
    except ConfigError as error:
        key = "modalities" if error.place == "modalities" else "adapter"
        raise ConfigError(f"cohorts.{cohort}.{key}", error.reason, error.next_step) from error
    if len(adapter.modalities) > _CHANNELS_OF_AN_IMAGE and "modalities" not in given:
        raise ConfigError(
            f"cohorts.{cohort}.modalities",
            f"is needed: {adapter.title} has {len(adapter.modalities)} modalities and an image has three channels",
            f"list them, the three of the images first, for instance [{', '.join(adapter.modalities[:3])}]",
        )
    limit = None if "limit" not in given else _positive(given["limit"], f"cohorts.{cohort}.limit")
    size = _positive(image_size, "image.size")
    if adapter.dimensions == 2:
        for key in sorted(set(given) & {"slices", "volume", "crop_mm"}):
            _log.warning("cohorts.%s.%s has no effect: %s holds 2D images", cohort, key, adapter.title)
        return adapter, Recipe(size), limit
    every, count = _slices(given.get("slices", "all"), f"cohorts.{cohort}.slices")
    crop_mm = given.get("crop_mm", adapter.crop_mm)
    if crop_mm is not None and (isinstance(crop_mm, bool) or not isinstance(crop_mm, int | float) or not crop_mm > 0):
        raise ConfigError(f"cohorts.{cohort}.crop_mm", f"is {crop_mm!r}", "give a length in mm above 0")
    recipe = Recipe(
        size,
        every,
        count,
        _positive(given.get("partitions", _DEFAULT_PARTITIONS), f"cohorts.{cohort}.partitions"),
        None if "volume" not in given else _volume_size(given["volume"], f"cohorts.{cohort}.volume"),
        crop_mm,
    )
    return adapter, recipe, limit


def _positive(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(place, f"is {value!r}", "give a whole number of at least 1")
    return value


def _slices(value: object, place: str) -> tuple[int | None, int | None]:
    """Return (every, count)."""
    if value in ("all", {"all": True}):
        return None, None
    if isinstance(value, Mapping) and len(value) == 1:
        if "every" in value:
            return _positive(value["every"], f"{place}.every"), None
        if "count" in value:
            return None, _positive(value["count"], f"{place}.count")
    raise ConfigError(place, f"is {value!r}", "write all, {every: n} or {count: n}")


def _volume_size(value: object, place: str) -> tuple[int, int, int]:
    size = value.get("size") if isinstance(value, Mapping) and set(value) == {"size"} else None
    if not isinstance(size, list | tuple) or len(size) != 3:
        raise ConfigError(place, f"is {value!r}", "write {size: [depth, height, width]} in voxels")
    depth, height, width = (_positive(number, f"{place}.size") for number in size)
    return depth, height, width
