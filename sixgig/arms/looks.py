"""How report and figures show the arms of one study: titles, order and colours. No result depends on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sixgig.arms.colours import Colours
from sixgig.arms.families import family_of, family_title
from sixgig.arms.instances import arms_in_order, control_name, kind_of
from sixgig.arms.registry import RANDOM, Look, is_control, looks
from sixgig.errors import ConfigError


def looks_of(config: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, Look]:
    """Return the looks of a study's arms and controls by name in display order, controls last.

    The first arm of a kind has the kind's colour, and is the one that verdicts compare with where the kind is a
    reference. Kinds that the study has no arm of keep their names, for results without a study file.

    Args:
        config: The study file; older ones, and none at all, will do.
        names: The arms in the order of the study file, where the config has lost it.
    """
    kinds, stanzas = looks(), dict(config.get("arms") or {})
    found = {kind: (kinds[kind].order, 0, kinds[kind]) for kind in kinds if kind != RANDOM}
    given = {name: str(stanza["colour"]).upper() for name, stanza in stanzas.items() if _has(stanza, "colour")}
    colours = Colours([*(look.colour for look in kinds.values()), *given.values()])
    seen: set[str] = set()
    for place, name in enumerate(arms_in_order(config, names)):
        kind = kind_of(name, stanzas[name])
        if kind not in kinds:
            continue
        look, first = kinds[kind], kind not in seen
        seen.add(kind)
        if name != kind:
            look = replace(look, title=_own(look.title, name))
            look = replace(look, titles={word: _own(title, name) for word, title in kinds[kind].titles.items()})
        if _has(stanzas[name], "title"):
            look = replace(look, title=str(stanzas[name]["title"]), titles={})
        own = given.get(name) or (look.colour if first and look.colour.upper() not in given.values() else None)
        look = replace(look, colour=own or colours.next(), reference=look.reference and first)
        found[name] = (look.order, place, look)
    controls = _random(config, names) or {control_name("vit"): random_look("vit")}
    for place, (name, look) in enumerate(controls.items()):
        colour = look.colour if place == 0 else colours.next(grey=True)
        found[name] = (look.order, place, replace(look, colour=colour))
    order = sorted(found, key=lambda name: (is_control(name), *found[name][:2], name))
    return {name: found[name][2] for name in order}


def check_looks(config: Mapping[str, Any]) -> None:
    """Refuse two arms that the study file gives the same title or colour.

    Raises:
        ConfigError: Names the second.
    """
    for key in ("title", "colour"):
        seen: dict[str, str] = {}
        for name, stanza in config["arms"].items():
            if _has(stanza, key) and (other := seen.setdefault(str(stanza[key]).upper(), name)) != name:
                reason = f"is that of {other} too, and the two could not be told apart"
                raise ConfigError(f"config key arms.{name}.{key}", reason, f"give another {key}, or none")


def random_look(family: str, model: str = "") -> Look:
    """Return the look of the control with random weights of a family of networks."""
    look, title = looks()[RANDOM], family_title(family, model)
    titles = {language: text.format(network=title) for language, text in look.titles.items()}
    return replace(look, title=look.title.format(network=title), titles=titles)


def _random(config: Mapping[str, Any], names: Sequence[str]) -> dict[str, Look]:
    """Return the looks of the random controls that a study can have, by name."""
    weights, found = config.get("weights") or {}, dict[str, Look]()
    stanzas = config.get("arms") or {}
    for name in arms_in_order(config, names):
        entry = weights.get(stanzas[name].get("weights") if isinstance(stanzas[name], Mapping) else None) or {}
        model = str(entry.get("model", ""))
        if model:
            found.setdefault(control_name(model), random_look(family_of(model), model))
    return found


def _own(title: str, name: str) -> str:
    return f"{title} {name.replace('_', ' ')}"


def _has(stanza: Any, key: str) -> bool:
    return isinstance(stanza, Mapping) and bool(stanza.get(key))
