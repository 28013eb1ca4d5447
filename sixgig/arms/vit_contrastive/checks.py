"""What can be known about the contrastive arm's batches before any cohort is prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.cohorts.registry import open_adapter
from sixgig.errors import ConfigError


def check(config: Mapping[str, Any]) -> None:
    """Refuse batches that partitions of volumes do not divide; see :meth:`sixgig.arms.base.Arm.check`."""
    options = config["arms"]["vit_contrastive"]
    if options["loss"] == "g_r":
        return
    size = options["batch_size"]
    for name, cohort in config["cohorts"].items():
        parts = cohort["partitions"]
        if open_adapter(cohort, f"cohorts.{name}").dimensions == 3 and size % parts:
            raise ConfigError(
                "config key arms.vit_contrastive.batch_size",
                f"is {size}, and cohort {name} has {parts} partitions, of which every volume gives one slice each",
                f"use a multiple of {parts}, such as {max(size // parts, 1) * parts}",
            )
