"""Which contrasts a study plans: few questions, fixed by the study file before any score is seen."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from sixgig.arms.base import FeatureArm
from sixgig.arms.instances import Instance, control_name, default_source, instances, model_of
from sixgig.arms.registry import control_key, looks
from sixgig.classifiers.registry import alone, classifier_names
from sixgig.errors import ConfigError

_KEY = "config key evaluation.contrasts"
#: Question, a and b.
Planned = tuple[str, str, str]


def planned_contrasts(config: Mapping[str, Any]) -> list[Planned]:
    """Return the contrasts of a study, the same for all its cohorts.

    By default every arm is compared with the :func:`baseline`, every arm that learns with its own start (the arm whose
    features it reads, or the first arm that uses the same weights as they are), and every arm with its control. Named
    pairs (``evaluation.contrasts``) replace the first two. A pair is asked about once.

    Args:
        config: The study file, with defaults.

    Raises:
        ConfigError: A named pair is none.
    """
    found = instances(config)
    arms = [name for name, arm in found.items() if arm.stands_for is None]
    named = (config.get("evaluation") or {}).get("contrasts")
    questions = _by_default(config, found, arms) if named is None else _named(config, found, named)
    planned: dict[frozenset[str], Planned] = {}
    for question, a, b in [*questions, *_controls(config, found, arms)]:
        planned.setdefault(frozenset((a, b)), (question, a, b))
    return list(planned.values())


def baseline(config: Mapping[str, Any]) -> str | None:
    """Return the arm that stands for the cheapest way that a study has; None for a study with one arm.

    Kinds that may be a baseline say their place in the order from cheap to dear in ``look.yaml``; of several arms of
    one kind it is the first of the study file. Measured costs do not decide it: they differ from run to run, and a
    contrast has to be planned before. A study without such a kind has its first arm in display order.
    """
    found = instances(config)
    arms = [name for name, arm in found.items() if arm.stands_for is None]
    if len(arms) < 2:
        return None
    places = {name: looks()[found[name].kind].baseline for name in arms}
    return min((name for name in arms if places[name]), key=lambda name: places[name], default=arms[0])


def _by_default(config: Mapping[str, Any], found: Mapping[str, Instance], arms: list[str]) -> Iterator[Planned]:
    cheapest = baseline(config)
    yield from (("baseline", name, cheapest) for name in arms if cheapest and name != cheapest)
    for name in arms:
        start = _start(config, found, name)
        if start is not None and found[name].arm.learns:
            yield "start", name, start


def _start(config: Mapping[str, Any], found: Mapping[str, Instance], name: str) -> str | None:
    """Return the arm from which another one begins: whose features it reads, or that uses its weights as they are."""
    arm = found[name]
    if issubclass(arm.arm, FeatureArm):
        source = arm.options.get("source") or default_source(config, arm.arm.default_source)
        return None if source is None else str(source)
    weights = arm.options.get("weights")
    for other, entry in found.items():
        same = weights is not None and entry.options.get("weights") == weights
        if same and other != name and entry.stands_for is None and not entry.arm.learns:
            return other
    return None


def _controls(config: Mapping[str, Any], found: Mapping[str, Instance], arms: list[str]) -> Iterator[Planned]:
    """Every arm against the random network of its family; an arm without a network against the majority class."""
    majority = next((arm for name in classifier_names() if (arm := alone(name))), None)
    for name in arms:
        network, seen = found[name], {name}
        while issubclass(network.arm, FeatureArm):
            source = _start(config, found, network.name)
            if source is None or source in seen:
                break
            seen.add(source)
            network = found[source]
        model = model_of(network, config)
        if model and control_name(model) in found:
            yield "control", name, control_name(model)
        elif not model and majority and (config.get("controls") or {}).get(control_key(majority)):
            yield "control", name, majority


def _named(config: Mapping[str, Any], found: Mapping[str, Instance], pairs: list[list[str]]) -> Iterator[Planned]:
    """The pairs of the study file, checked."""
    controls = config.get("controls") or {}
    alones = [arm for name in classifier_names() if (arm := alone(name)) and controls.get(control_key(arm))]
    known, seen = [*found, *alones], set[frozenset[str]]()
    for place, pair in enumerate(pairs):
        for name in pair:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                likely = f"did you mean `{close[0]}`? " if close else ""
                step = f"{likely}Arms and controls of this study: {', '.join(known)}"
                raise ConfigError(f"{_KEY}.{place}", f"there is no arm {name!r}", step)
        a, b = pair
        if a == b:
            raise ConfigError(f"{_KEY}.{place}", f"compares {a} with itself", "name two different arms")
        if frozenset(pair) in seen:
            raise ConfigError(f"{_KEY}.{place}", f"{a} and {b} are compared twice", "remove one of the two pairs")
        seen.add(frozenset(pair))
        yield "named", a, b
