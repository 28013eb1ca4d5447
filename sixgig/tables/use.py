"""How the methods of a cohort are to be used, as its stanza says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.errors import ConfigError
from sixgig.tables.levels import metrics_of

#: What ``tested_on`` says of a cohort's own official test set.
HELD_OUT = "held_out"

#: Keys of a cohort's stanza that say it, and on which nothing before the statistics depends.
CLINICAL_KEYS = ("operating_point", "prevalence")


def clinical_use(stanza: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cohort's stanza says of how its methods are to be used, with None for what it leaves open."""
    asked = {key: stanza.get(key) for key in ("positive", *CLINICAL_KEYS)}
    return asked | {"metrics_of": metrics_of(stanza)}


def require_two_classes(stanza: Mapping[str, Any], n_classes: int, place: str) -> None:
    """Refuse an operating point or a prevalence on a cohort that does not have two classes.

    Args:
        stanza: The cohort's stanza, or that part of it.
        n_classes: Its number of classes.
        place: Where the stanza stands in the study file.

    Raises:
        ConfigError: There is one; the place is its key.
    """
    for name in CLINICAL_KEYS:
        if n_classes != 2 and stanza.get(name) is not None:
            raise ConfigError(
                f"{place}.{name}",
                f"is of a positive and a negative class, and this cohort has {n_classes} classes",
                "remove the key, or merge the classes to two with `classes`",
            )
