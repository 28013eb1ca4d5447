"""What a study file asks for under a cohort's key ``groups``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sixgig.errors import ConfigError


@dataclass(frozen=True)
class Asked:
    """One column that the study file asks for: its name, and the numbers at which it is cut, if any."""

    name: str
    cuts: tuple[float, ...] = ()


def asked_columns(groups: Mapping[str, Any], key: str = "groups") -> list[Asked]:
    """Return the columns of a cohort's key ``groups``.

    Args:
        groups: That key of the study file.
        key: Its place there, for messages.

    Raises:
        ConfigError: A column is named twice, or its cut points do not rise.
    """
    found: list[Asked] = []
    for entry in groups["columns"]:
        name, cuts = next(iter(entry.items())) if isinstance(entry, Mapping) else (entry, ())
        if any(name == other.name for other in found):
            raise ConfigError(f"{key}.columns", f"names {name} twice", "remove one of the two")
        if any(right <= left for left, right in pairwise(cuts)):
            raise ConfigError(f"{key}.columns", f"the cut points of {name} do not rise", f"write {sorted(set(cuts))}")
        found.append(Asked(name, tuple(float(cut) for cut in cuts)))
    return found
