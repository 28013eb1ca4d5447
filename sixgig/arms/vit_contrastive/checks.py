"""What can be known about the contrastive arm's batches before any cohort is prepared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.cohorts.registry import open_adapter
from sixgig.cohorts.slices import fills_partitions
from sixgig.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from sixgig.weights.tokens import Layout

#: Slices of a volume that nobody has more of.
_DEEPEST = 1024
#: Partitions of a volume whose published batch ``reference_batching`` makes; for others that code makes other batches.
_PUBLISHED_PARTITIONS = 4


def check(config: Mapping[str, Any], arm: str) -> None:
    """Refuse batches that partitions of volumes do not divide; see :meth:`sixgig.arms.base.Arm.check`."""
    options = config["arms"][arm]
    if options["reference_regions"] and not options["local_steps"]:
        raise ConfigError(
            "config key arms.vit_contrastive.reference_regions",
            "is about the local stage, and local_steps is 0",
            "set local_steps above 0, or leave reference_regions out",
        )
    if options["loss"] == "g_r":
        return
    size = options["batch_size"]
    for name, cohort in config["cohorts"].items():
        if open_adapter(cohort, f"cohorts.{name}").dimensions == 2:
            continue
        parts = cohort["partitions"]
        if options["reference_batching"] and options["loss"] == "g_d" and parts != _PUBLISHED_PARTITIONS:
            raise ConfigError(
                "config key arms.vit_contrastive.reference_batching",
                f"gives the published batch for {_PUBLISHED_PARTITIONS} partitions only, and cohort {name} has {parts}",
                f"set cohorts.{name}.partitions to {_PUBLISHED_PARTITIONS}, or reference_batching to false",
            )
        if size % parts:
            raise ConfigError(
                "config key arms.vit_contrastive.batch_size",
                f"is {size}, and cohort {name} has {parts} partitions, of which every volume gives one slice each",
                f"use a multiple of {parts}, such as {max(size // parts, 1) * parts}",
            )
        _check_slices(name, cohort, options["loss"])


def check_grid(options: Mapping[str, Any], layout: Layout | None, model: str) -> None:
    """Refuse a local stage on a grid of patches that is too small for its regions.

    Args:
        options: The arm's stanza.
        layout: Of the network; None is left to the training.
        model: Its name.

    Raises:
        ConfigError: The grid is too small; names it.
    """
    from sixgig.contrastive.regions import local_terms, reference_terms

    if layout is None:
        return
    side = math.isqrt(layout.positions)
    try:
        (reference_terms if options.get("reference_regions") else local_terms)((side, side))
    except TrainingError as error:
        reason = f"{error.reason} ({model})"
        raise ConfigError("config key arms.vit_contrastive.local_steps", reason, error.next_step) from None


def _check_slices(name: str, cohort: Mapping[str, Any], loss: str) -> None:
    """Refuse a number of slices that leaves partitions of every volume empty."""
    parts, chosen = cohort["partitions"], cohort.get("slices") or {}
    every, count = chosen.get("every"), chosen.get("count")
    deepest = _DEEPEST
    phantom = cohort["source"].get("phantom")
    if phantom and not cohort.get("spacing"):
        deepest = phantom["shape"][2]
    if fills_partitions(deepest, parts, every=every, count=count):
        return
    fewer = max(less for less in range(1, parts) if fills_partitions(deepest, less, every=every, count=count))
    taken = f"takes {count} slices" if count else f"takes every {every}th slice" if every else "takes all slices"
    depth = "" if deepest == _DEEPEST else f" (of at most {deepest})"
    more = f"set slices.count to {parts} or more, or " if count and count < parts <= deepest else ""
    raise ConfigError(
        f"config key cohorts.{name}.slices" if chosen else f"config key cohorts.{name}.partitions",
        f"{taken} of a volume{depth}, and no volume then has a slice in each of its {parts} partitions, of which "
        f"loss {loss} of vit_contrastive draws one each",
        f"{more}set cohorts.{name}.partitions to {fewer}, or set arms.vit_contrastive.loss to g_r",
    )
