"""The kinds of arms, ways of turning images into features: every folder here that holds an ``arm.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.errors import ConfigError
from sixgig.runtime.discovery import homes, read_yaml

if TYPE_CHECKING:
    from sixgig.arms.base import Arm

FOLDER = Path(__file__).parent
CONTROL = "control_"
#: Home of the controls with random weights; there is one for each family of networks.
RANDOM = "control_random_networks"
#: What the names of these controls begin with; the family follows.
RANDOM_PREFIX = f"{CONTROL}random_"


@dataclass(frozen=True)
class Look:
    """How report and figures show the arms of a kind, and when: its ``look.yaml``.

    No features, predictions or metrics depend on it; ``baseline`` decides what the planned contrasts compare with.

    Attributes:
        order: Place among the arms in tables and figures; controls follow after all others.
        title: Name for people, in English.
        titles: The same in other languages, by the language's name.
        colour: The same in every figure, as #RRGGBB.
        pictures: Whether training leaves pictures of masked, filled-in and original patches, for a figure.
        reference: Whether verdicts compare the best arm with this one too.
        words: What a control does, for the sentence "no arm is shown to be better than ...".
        baseline: Place among the kinds that contrasts may have as their baseline, cheapest first; 0 for no such kind.
        hours: The least and the most hours that the user expects of it on the study of the laptop.
        meanings: What it does, in a sentence for the report's glossary, by language.
    """

    order: float
    title: str
    colour: str
    titles: Mapping[str, str] = field(default_factory=dict)
    pictures: bool = False
    reference: bool = False
    words: str = ""
    baseline: int = 0
    hours: Sequence[float] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)


@cache
def looks() -> dict[str, Look]:
    """Return the looks of kinds and controls by name in display order, controls last.

    A folder without an ``arm.py`` is the name under which tables list a classifier that sees no features.
    """
    names = {*homes(FOLDER, "arm.py"), *homes(FOLDER, "look.yaml")}
    found = {name: Look(**read_yaml(FOLDER / name / "look.yaml")) for name in names}
    return dict(sorted(found.items(), key=lambda entry: (is_control(entry[0]), entry[1].order, entry[0])))


def look_names() -> tuple[str, ...]:
    """Return the names of kinds and controls, in display order."""
    return tuple(looks())


@cache
def arm_names() -> tuple[str, ...]:
    """Return the kinds of arms in display order."""
    known = homes(FOLDER, "arm.py")
    return tuple(name for name in looks() if name in known)


def is_control(name: str) -> bool:
    """Whether an arm is a control, which no verdict may name as the best."""
    return name.startswith(CONTROL)


def is_random(name: str) -> bool:
    """Whether an arm is a control with random weights."""
    return name.startswith(RANDOM_PREFIX)


def control_key(name: str) -> str:
    """Return the key under ``controls`` of the study file that switches a control on."""
    return name.removeprefix(CONTROL)


def get_arm(name: str) -> type[Arm]:
    """Return the class of a kind of arms.

    Raises:
        ConfigError: There is no such kind.
    """
    if not (FOLDER / name / "arm.py").is_file():
        raise ConfigError(f"arms.{name}", "there is no such kind of arm", f"choose from {', '.join(arm_names())}")
    arm: type[Arm] = import_module(f"sixgig.arms.{name}.arm").ARM
    return arm
