"""What a study file may ask of groups of subjects, before a table is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.cohorts.group_columns import asked_columns
from sixgig.errors import ConfigError


def check_groups(stanza: Mapping[str, Any], place: str) -> None:
    """Check a cohort's keys ``groups``, ``group_by`` and ``pretraining_groups`` against each other.

    Args:
        stanza: The cohort's stanza.
        place: Where it stands, for the message.

    Raises:
        ConfigError: They contradict each other, or another key.
    """
    groups, by = stanza.get("groups"), stanza.get("group_by")
    columns = [column.name for column in asked_columns(groups, f"{place}.groups")] if groups else []
    if "pretraining_groups" in stanza and not by:
        raise ConfigError(f"{place}.pretraining_groups", "stands without group_by", "add group_by, or remove it")
    if not by:
        return
    if by not in columns:
        listed = f"use one of {', '.join(columns)}" if columns else f"add `groups: {{columns: [{by}]}}`"
        raise ConfigError(f"{place}.group_by", f"is {by!r}, which is none of the columns of groups", listed)
    for key, why in (
        ("splits_file", "which says already who is in which fold"),
        ("official_splits", "which takes subjects of any site out as a test set"),
    ):
        if stanza.get(key):
            raise ConfigError(f"{place}.group_by", f"stands beside {key}, {why}", "keep one of the two")
