"""Cohorts that another cohort's methods are tested on: what the study file may ask for."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from sixgig.cohorts.registry import open_adapter
from sixgig.errors import ConfigError
from sixgig.tables.levels import labels_of, metrics_of
from sixgig.tables.use import HELD_OUT

#: Keys of two cohorts that must agree, since they decide what an image or a volume of theirs is.
_SAME = ("volume", "modalities")


def check_external(config: Mapping[str, Any]) -> None:
    """Refuse tests on cohorts that are not there, or whose images are others.

    Args:
        config: The study file, with defaults.

    Raises:
        ConfigError: A name under ``evaluate_on`` is no other cohort, or the two cannot be read by the same methods.
    """
    cohorts = config["cohorts"]
    for name, stanza in cohorts.items():
        for other in stanza.get("evaluate_on", ()):
            key = f"config key cohorts.{name}.evaluate_on"
            if name == other or other not in cohorts:
                close = difflib.get_close_matches(other, [cohort for cohort in cohorts if cohort != name], n=1)
                reason = f"{other} is this cohort itself" if name == other else f"there is no cohort {other!r}"
                guess = f"did you mean `{close[0]}`? " if close else ""
                raise ConfigError(key, reason, f"{guess}name other cohorts of the study")
            if HELD_OUT in cohorts:
                raise ConfigError(
                    f"config key cohorts.{HELD_OUT}",
                    "tables have this name for official test sets",
                    "give the cohort another name",
                )
            _check_alike(key, name, stanza, other, cohorts[other])


def _check_alike(key: str, name: str, own: Mapping[str, Any], other: str, theirs: Mapping[str, Any]) -> None:
    """Refuse two cohorts whose samples are not the same kind of thing."""
    facts = [
        ("dimensions", *(open_adapter(stanza, key).dimensions for stanza in (own, theirs))),
        ("labels_of", labels_of(own), labels_of(theirs)),
        ("metrics_of", metrics_of(own), metrics_of(theirs)),
        *((fact, own.get(fact), theirs.get(fact)) for fact in _SAME),
    ]
    for fact, mine, its in facts:
        if mine != its:
            raise ConfigError(
                key,
                f"{fact} of {name} is {_shown(mine)}, and of {other} {_shown(its)}: its methods cannot be tested there",
                f"give both cohorts the same {fact}, or remove {other}",
            )


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)


def check_external_classes(config: Mapping[str, Any], classes: Mapping[str, Collection[str]]) -> None:
    """Refuse a test on a cohort with other classes, as far as classes are known while planning.

    Args:
        config: The study file, with defaults.
        classes: Classes by cohort, of cohorts whose files are there.

    Raises:
        CohortError: A class is in one of two cohorts only.
    """
    from sixgig.evaluation.external_gate import check_same_classes

    for name, stanza in config["cohorts"].items():
        for other in stanza.get("evaluate_on", ()):
            if name in classes and other in classes:
                check_same_classes(name, classes[name], other, classes[other])
