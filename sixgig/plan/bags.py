"""Checks of what takes the images of a subject together: that there are images, more than one, or as many of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sixgig.arms.instances import Instance
from sixgig.classifiers.registry import takes_bags
from sixgig.cohorts.base import Record
from sixgig.errors import ConfigError
from sixgig.tables.levels import labels_of


def fits(config: Mapping[str, Any], arm: str, classifier: str) -> bool:
    """Return whether a study fits a classifier to an arm's features: all to all, but for classifiers that name arms."""
    named = config["classifiers"][classifier].get("arms")
    return named is None or arm in named


def check_bags(config: Mapping[str, Any], arms: Mapping[str, Instance]) -> None:
    """Refuse a classifier of bags where images have classes of their own, or an arm has no features of images.

    Args:
        config: The study file, with defaults.
        arms: Arms and controls by name.

    Raises:
        ConfigError: It cannot be fitted; names the cohort or the arm.
    """
    for classifier in filter(takes_bags, config["classifiers"]):
        key = f"config key classifiers.{classifier}"
        others = _instead(config)
        unknown = [name for name in config["classifiers"][classifier].get("arms") or () if name not in arms]
        if unknown:
            raise ConfigError(f"{key}.arms", f"there is no arm {unknown[0]!r}", f"name some of {', '.join(arms)}")
        of_images = [name for name, cohort in config["cohorts"].items() if labels_of(cohort) == "image"]
        if of_images:
            raise ConfigError(
                key,
                f"takes the images of a subject together, and on {of_images[0]} every image has a class of its own "
                "(labels_of: image)",
                f"{others}, or write `labels_of: subject` in cohorts.{of_images[0]}",
            )
        fitted = [arm for name, arm in arms.items() if fits(config, name, classifier)]
        without = [arm.name for arm in fitted if not arm.arm.has_image_features(arm.options)]
        if without:
            able = [name for name, arm in arms.items() if arm.arm.has_image_features(arm.options)]
            step = f"write `arms: [{', '.join(able)}]` in classifiers.{classifier}" if able else others
            raise ConfigError(key, f"takes features of every image, and arm {without[0]} has none", step)


def check_bag_sizes(
    config: Mapping[str, Any],
    records: Sequence[Record],
    cohort: str,
    deep: bool,
    of_volumes: Mapping[str, bool],
) -> None:
    """Refuse a classifier of bags on a cohort whose bags hold one image each.

    Args:
        config: The study file, with defaults.
        records: The subjects of the cohort.
        cohort: Its name.
        deep: Whether their items are volumes, of which slices become images.
        of_volumes: Whether an arm encodes the cohort's volumes in place of its images, by arm.

    Raises:
        ConfigError: No subject has more than one image (or volume); in none of its frames, where it has frames.
    """
    counts = Counter((record.subject_id, item.frame) for record in records for item in record.items)
    if not counts or max(counts.values()) > 1:
        return
    one_slice = config["cohorts"][cohort].get("slices", {}).get("count") == 1
    for classifier in filter(takes_bags, config["classifiers"]):
        for arm in (name for name in of_volumes if fits(config, name, classifier)):
            if deep and not of_volumes[arm] and not one_slice:
                continue
            unit = "volume" if of_volumes[arm] else "image"
            others = [name for name, volumes in of_volumes.items() if deep and not volumes and not one_slice]
            step = f"write `arms: [{', '.join(others)}]` in classifiers.{classifier}, or " if others else ""
            raise ConfigError(
                f"config key classifiers.{classifier}",
                f"on {cohort} every subject has one {unit} for arm {arm}, so that there is nothing to choose between",
                f"{step}{_instead(config)}, which sees the same",
            )


def check_concat(
    concat: Mapping[str, bool], records: Sequence[Record], stanza: Mapping[str, Any], cohort: str, deep: bool
) -> None:
    """Refuse to concatenate features where subjects have different numbers of images or volumes.

    How many slices of a volume become images is known when it is read: the job that splits the cohort says it then.

    Args:
        concat: Arms that concatenate, and whether each has features of volumes.
        records: The subjects of the cohort.
        stanza: The cohort's stanza.
        cohort: Its name.
        deep: Whether their items are volumes, of which slices become images.

    Raises:
        ConfigError: They differ; the place is the arm's key.
    """
    if labels_of(stanza) == "image":
        return
    counts = Counter((record.subject_id, item.frame) for record in records for item in record.items)
    usual = Counter(counts.values()).most_common(1)
    one_slice = stanza.get("slices", {}).get("count") == 1
    for arm, volumes in concat.items():
        if deep and not volumes and not one_slice:
            continue
        others = [key for key, number in counts.items() if number != usual[0][0]]
        if others:
            subject, frame = others[0]
            unit = "volumes" if deep else "images"
            raise ConfigError(
                f"config key arms.{arm}.pooling",
                f"is concat, and subject {subject} of cohort {cohort} has {counts[others[0]]} {unit}"
                f"{f' of frame {frame}' if frame else ''} where most have {usual[0][0]} "
                f"({len(others)} of {len(counts)} differ), so that their features would not be equally long",
                "write mean, max, mean_max or mean_std",
            )


def _instead(config: Mapping[str, Any]) -> str:
    """Return what a user may do in place of a classifier of bags."""
    others = [name for name in config["classifiers"] if not takes_bags(name)]
    return f"remove it and use {' or '.join(others)}" if others else "use a classifier of one vector of features"
