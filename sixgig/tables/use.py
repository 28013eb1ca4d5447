"""How the methods of a cohort are to be used, as its stanza says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.tables.levels import metrics_of

#: Keys of a cohort's stanza that say it, and on which nothing before the statistics depends.
CLINICAL_KEYS = ("operating_point", "prevalence")


def clinical_use(stanza: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cohort's stanza says of how its methods are to be used, with None for what it leaves open."""
    asked = {key: stanza.get(key) for key in ("positive", *CLINICAL_KEYS)}
    return asked | {"metrics_of": metrics_of(stanza)}
