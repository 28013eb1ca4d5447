"""The options of one cohort in the study file, checked before any image is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.normalisation import Normalisation
from sixgig.cohorts.recipe import DEFAULT_PARTITIONS, Recipe
from sixgig.cohorts.registry import adapter_names, load_adapter, open_adapter
from sixgig.errors import ConfigError
from sixgig.tables.use import CLINICAL_KEYS

#: Keys that say how volumes are prepared.
_VOLUME_KEYS = ("slices", "volume", "spacing", "n4", "crop", "crop_mm", "plane", "geometry")
_FOREGROUNDS = ("nonzero", "all", "otsu")
_KEYS = ("modalities", "limit", "partitions", "classes", "pseudonyms", "normalise", "foreground", *_VOLUME_KEYS)
#: Keys of a cohort's stanza that other stages read.
_OTHER_KEYS = (
    "adapter", "source", "title", "positive", "official_splits", "splits_file", "metrics_of", "evaluate_on", "shards",
    "duplicates",
    "groups", "group_by", "pretraining_groups", *CLINICAL_KEYS,
)  # fmt: skip
_PLANES = ("axial", "acquisition", "sagittal", "coronal")
_PERCENTILES = {"low": 1.0, "high": 99.0}
_CHANNELS_OF_AN_IMAGE = 3
_log = logging.getLogger(__name__)


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
    adapter = open_adapter({**given, "adapter": adapter_name}, f"cohorts.{cohort}")
    own = {key for kind in adapter_names() for key in load_adapter(kind).option_keys}
    for key in given:
        if key not in {*_KEYS, *_OTHER_KEYS, *own}:
            raise ConfigError(f"cohorts.{cohort}.{key}", "is not an option of a cohort", f"use {', '.join(_KEYS)}")
        if key == "labels_of":
            continue
        if key in own - set(adapter.option_keys) - set(_KEYS) and given[key] not in ({}, []):
            _log.warning("cohorts.%s.%s has no effect: %s does not use it", cohort, key, adapter.title)
    if len(adapter.modalities) > _CHANNELS_OF_AN_IMAGE and "modalities" not in given:
        raise ConfigError(
            f"cohorts.{cohort}.modalities",
            f"is needed: {adapter.title} has {len(adapter.modalities)} modalities and an image has three channels",
            f"list them, the three of the images first, for instance [{', '.join(adapter.modalities[:3])}]",
        )
    _check_unit(adapter, f"cohorts.{cohort}", given)
    limit = None if "limit" not in given else _positive(given["limit"], f"cohorts.{cohort}.limit")
    size = _positive(image_size, "image.size")
    if adapter.dimensions == 2:
        for key in sorted(set(given) & set(_VOLUME_KEYS)):
            if given[key]:
                _log.warning("cohorts.%s.%s has no effect: %s holds 2D images", cohort, key, adapter.title)
        return adapter, _picture_recipe(f"cohorts.{cohort}", given, size), limit
    return adapter, _volume_recipe(adapter, f"cohorts.{cohort}", given, size), limit


def _check_unit(adapter: Adapter, place: str, given: Mapping[str, Any]) -> None:
    """Check what has a class, and what metrics count."""
    per_image = _one_of(given.get("labels_of", "subject"), ("subject", "image"), f"{place}.labels_of") == "image"
    counted = _one_of(
        given.get("metrics_of", "image" if per_image else "subject"), ("image", "subject"), f"{place}.metrics_of"
    )
    if per_image and adapter.dimensions == 3:
        raise ConfigError(
            f"{place}.labels_of",
            "is image, and the cohort holds volumes: their slices have no classes of their own",
            "remove the key, and give each subject one class, such as that of its first or its last volume",
        )
    if per_image and "labels_of" not in adapter.option_keys:
        able = [name for name in adapter_names() if "labels_of" in load_adapter(name).option_keys]
        raise ConfigError(
            f"{place}.labels_of",
            f"is image, and adapter {adapter.name!r} has one class for each subject",
            f"remove the key, or use one of the adapters {', '.join(able)}",
        )
    if counted == "image" and not per_image:
        raise ConfigError(
            f"{place}.metrics_of",
            "is image, and the class is that of the subject",
            "add `labels_of: image` if each image has a class of its own, or remove the key",
        )


def _picture_recipe(place: str, given: Mapping[str, Any], size: int) -> Recipe:
    return Recipe(
        size,
        foreground=_one_of(given.get("foreground", "all"), _FOREGROUNDS, f"{place}.foreground"),
        normalisation=_normalisation(given.get("normalise") or {}, f"{place}.normalise"),
        keep_8_bit=not given.get("normalise"),
    )


def _volume_recipe(adapter: Adapter, place: str, given: Mapping[str, Any], size: int) -> Recipe:
    every, count = _slices(given.get("slices", "all"), f"{place}.slices")
    crop_mm = given.get("crop_mm", adapter.crop_mm)
    if crop_mm is not None and (isinstance(crop_mm, bool) or not isinstance(crop_mm, int | float) or not crop_mm > 0):
        raise ConfigError(f"{place}.crop_mm", f"is {crop_mm!r}", "give a length in mm above 0")
    crop = given.get("crop", "foreground" if crop_mm is None else "centre")
    if crop == "centre" and crop_mm is None:
        raise ConfigError(f"{place}.crop", "is centre, and there is no side", "set crop_mm, a length in mm")
    spacing = given.get("spacing")
    return Recipe(
        size,
        every,
        count,
        _positive(given.get("partitions", DEFAULT_PARTITIONS), f"{place}.partitions"),
        None if "volume" not in given else _volume_size(given["volume"], f"{place}.volume"),
        _one_of(crop, ("foreground", "centre", "none"), f"{place}.crop"),
        crop_mm,
        _one_of(
            given.get("foreground", "nonzero" if adapter.zero_background else "all"),
            _FOREGROUNDS,
            f"{place}.foreground",
        ),
        _normalisation(given.get("normalise") or {}, f"{place}.normalise"),
        None if spacing is None or not any(spacing) else (spacing[0], spacing[1], spacing[2]),
        bool(given.get("n4", False)),
        None if "plane" not in given else _one_of(given["plane"], _PLANES, f"{place}.plane"),
        _one_of(given.get("geometry", "warn"), ("warn", "strict"), f"{place}.geometry"),
    )


def _one_of(value: Any, allowed: tuple[str, ...], place: str) -> Any:
    if value not in allowed:
        raise ConfigError(place, f"is {value!r}", f"write {', '.join(allowed)}")
    return value


def _normalisation(given: Mapping[str, Any], place: str) -> Normalisation:
    """Read low and high: percentiles have defaults for them; z-scores, ranges and stored windows do not use them."""
    methods = ("percentile", "zscore", "range", "window", "stored")
    method = _one_of(given.get("method", "percentile"), methods, f"{place}.method")
    limits = {
        **(_PERCENTILES if method == "percentile" else {}),
        **{key: given[key] for key in _PERCENTILES if key in given},
    }
    if method not in ("percentile", "window"):
        if limits:
            raise ConfigError(f"{place}.{min(limits)}", f"has no effect on {method}", "remove it, or use percentile")
        return Normalisation(method)
    if len(limits) < 2:
        raise ConfigError(
            place, "is a window without low and high", "give both, such as {method: window, low: -160, high: 240}"
        )
    low, high = float(limits["low"]), float(limits["high"])
    if not low < high or (method == "percentile" and not 0 <= low < high <= 100):
        raise ConfigError(place, f"goes from {low:g} to {high:g}", "give a low below high; percentiles from 0 to 100")
    return Normalisation(method, low, high)


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
