"""The arms of a study: each is an instance of a kind, with a name of the user's; kinds are folders here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sixgig.arms.families import family_of
from sixgig.arms.registry import CONTROL, FOLDER, RANDOM, RANDOM_PREFIX, arm_names, control_key, get_arm, looks
from sixgig.arms.seeds import seed_name
from sixgig.errors import ConfigError
from sixgig.runtime.discovery import read_yaml

if TYPE_CHECKING:
    from sixgig.arms.base import Arm

#: Keys of every arm's stanza that say which arm it is and how it is shown; nothing that computes sees them.
OWN_KEYS = ("kind", "title", "colour")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: What `controls.random_networks` was called while there was one random network.
OLD_KEY = "random_vit"


@dataclass(frozen=True)
class Instance:
    """An arm of a study.

    Attributes:
        name: Its name in the study file, in file names and tables.
        kind: The folder of its class; that of the arm it stands for, for a control.
        options: Its stanza, without :data:`OWN_KEYS`.
        stands_for: For a control with random weights, the arm whose network and options it has; else None.
        seed: Number of the seed, from 0; see :mod:`sixgig.arms.seeds`.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    stands_for: str | None = None
    seed: int = 0

    @property
    def arm(self) -> type[Arm]:
        """The class."""
        return get_arm(self.kind)

    @property
    def draws(self) -> bool:
        """Whether another seed gives other features: what learns, and random weights."""
        return self.arm.learns or self.stands_for is not None


def kind_of(name: str, stanza: Any) -> str:
    """Return the kind of an arm: what its stanza says, and its own name when that says nothing."""
    kind = stanza.get("kind", name) if isinstance(stanza, Mapping) else name
    return kind if isinstance(kind, str) else name


def check_kinds(config: Mapping[str, Any]) -> None:
    """Refuse arms of kinds that there are not.

    Raises:
        ConfigError: Names the arm and the nearest kinds.
    """
    arms = config.get("arms")
    if not isinstance(arms, Mapping):
        return  # the schema says it
    kinds = tuple(name for name in arm_names() if not name.startswith(CONTROL))
    for name, stanza in arms.items():
        kind = kind_of(name, stanza)
        given = isinstance(stanza, Mapping) and "kind" in stanza
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue  # the schema says it
        if name.startswith(CONTROL):
            step = "choose another name; `controls` switches them on and off"
            raise ConfigError(f"config key arms.{name}", f"names that begin with {CONTROL} are those of controls", step)
        if kind not in kinds:
            close = difflib.get_close_matches(kind, kinds, n=2)
            likely = f"did you mean {' or '.join(f'`{word}`' for word in close)}? " if close else ""
            reason = f"there is no kind {kind!r}" if given else "is no kind, and has no key `kind`"
            more = "" if given else f"; an arm with a name of your own says `{name}: {{kind: KIND, ...}}`"
            raise ConfigError(
                f"config key arms.{name}{'.kind' if given else ''}", reason, f"{likely}Kinds: {', '.join(kinds)}{more}"
            )
        if name in kinds and kind != name:
            reason = f"is {kind}, and {name} is the name of another kind"
            raise ConfigError(f"config key arms.{name}.kind", reason, f"give the arm another name than {name}")


def own_options(stanza: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an arm's stanza that decides results."""
    return {key: value for key, value in stanza.items() if key not in OWN_KEYS}


def arms_in_order(config: Mapping[str, Any], names: Sequence[str] = ()) -> list[str]:
    """Return the names of a study's arms, without controls, in display order.

    They stand in the order of their kinds, and those of one kind in that of the study file.

    Args:
        config: The study file.
        names: The order of the study file, where the config has lost it.
    """
    stanzas, orders = dict(config.get("arms") or {}), {kind: look.order for kind, look in looks().items()}
    placed = [*(name for name in names if name in stanzas), *(name for name in stanzas if name not in names)]

    def place(name: str) -> tuple[float, str]:
        kind = kind_of(name, stanzas[name])
        return orders.get(kind, float("inf")), str(kind)

    return sorted(placed, key=place)


def instances(config: Mapping[str, Any]) -> dict[str, Instance]:
    """Return the arms of a study and its controls with features, by name in display order.

    Args:
        config: The study file, with defaults.

    Raises:
        ConfigError: There is no such kind.
    """
    found = {}
    for name in arms_in_order(config):
        stanza = config["arms"][name]
        found[name] = Instance(name, kind_of(name, stanza), own_options(stanza))
    return found | random_controls(found, config)


def seeded(found: Mapping[str, Instance], seeds: int) -> dict[str, Instance]:
    """Return arms and controls by the names of their files: those that draw something once for every seed."""
    return {
        seed_name(name, number): replace(arm, name=seed_name(name, number), seed=number)
        for name, arm in found.items()
        for number in range(seeds if arm.draws else 1)
    }


def random_controls(arms: Mapping[str, Instance], config: Mapping[str, Any]) -> dict[str, Instance]:
    """Return a control for each family of networks, which stands for the first arm that uses one of it as it is.

    Where only arms that learn use a family, it stands for the first of them, and encodes as the kind that
    ``control_kind`` of their class names, with those of the arm's options that this kind has too.
    """
    controls = config.get("controls") or {}
    old = control_key(RANDOM) not in controls  # a study of the time when there was one
    if not controls.get(OLD_KEY if old else control_key(RANDOM)):
        return {}
    found: dict[str, Instance] = {}
    for arm in sorted(arms.values(), key=lambda arm: arm.arm.learns):
        model = model_of(arm, config)
        if model and (arm.arm.has_random_control or arm.arm.control_kind):
            name = control_name(model)
            found.setdefault(name, _frozen(name, arm))
    return {name: found[name] for name in found if not old or name == control_name("vit")}


def _frozen(name: str, arm: Instance) -> Instance:
    """Return the control that has the network of an arm, as it is."""
    kind, options = arm.arm.control_kind or arm.kind, dict(arm.options)
    if kind != arm.kind:
        known = read_yaml(FOLDER / kind / "options.yaml")["properties"]
        defaults = {key: entry["default"] for key, entry in known.items() if "default" in entry}
        options = defaults | {key: value for key, value in options.items() if key in known}
    return Instance(name, kind, options, stands_for=arm.name)


def control_name(model: str) -> str:
    """Return the name of the control with random weights of a network's family."""
    return f"{RANDOM_PREFIX}{family_of(model)}"


def model_of(arm: Instance, config: Mapping[str, Any]) -> str:
    """Return the name of an arm's architecture; empty for an arm without weights."""
    entry = (config.get("weights") or {}).get(arm.options.get("weights")) or {}
    return str(entry.get("model", ""))


def default_source(config: Mapping[str, Any], kind: str) -> str | None:
    """Return the first arm of a kind, which others read when they name no source; None when there is none."""
    return next((name for name in arms_in_order(config) if kind_of(name, config["arms"][name]) == kind), None)
