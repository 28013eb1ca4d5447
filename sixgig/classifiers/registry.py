"""The classifiers a study can name: every folder beside this module that holds a ``classifier.py`` is one.

Importing this module is cheap: scikit-learn is loaded when a classifier is built.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError
from sixgig.runtime.discovery import homes, read_yaml
from sixgig.runtime.schema import fill, ordered, validate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDER = Path(__file__).parent
#: Definitions that the options of several classifiers refer to.
DEFINITIONS = FOLDER / "definitions.yaml"
#: A search grid as scikit-learn's ``ParameterGrid`` takes it; every key starts with ``classifier__``.
Grid = list[dict[str, list[Any]]]


@dataclass(frozen=True)
class Look:
    """How report and figures show a classifier: its ``look.yaml``. No result depends on it.

    Attributes:
        order: Place among the classifiers in tables and figures.
        title: Name for people, in English.
        titles: The same in other languages, by the language's name.
        marker: Marker in figures, as matplotlib names it.
        line: Line style in figures, likewise; dashes of one's own are an offset and lengths.
        alone: Set for a classifier that sees no features: the name in the arm column of tables.
        bags: Whether it is given the images of a subject, and not one vector of features.
        probabilities: Whether its scores are probabilities at the classes' shares among the training subjects. Scores
            that are not weigh classes alike, and only rank.
        meanings: What it does, in a sentence for the report's glossary, by language.
    """

    order: float
    title: str
    marker: str
    line: str | tuple[float, tuple[float, ...]]
    titles: Mapping[str, str] = field(default_factory=dict)
    alone: str | None = None
    bags: bool = False
    probabilities: bool = False
    meanings: Mapping[str, str] = field(default_factory=dict)


@cache
def looks() -> dict[str, Look]:
    """Return the looks of all classifiers by name, in display order."""
    found = {name: _look(read_yaml(FOLDER / name / "look.yaml")) for name in homes(FOLDER, "classifier.py")}
    return dict(sorted(found.items(), key=lambda entry: (entry[1].order, entry[0])))


def _look(entries: Mapping[str, Any]) -> Look:
    line = entries["line"]
    return Look(**{**entries, "line": line if isinstance(line, str) else (line[0], tuple(line[1]))})


def classifier_names() -> tuple[str, ...]:
    """Return the names of all classifiers in display order."""
    return tuple(looks())


def alone(name: str) -> str | None:
    """Return the name in the arm column of a classifier that sees no features; None for all others."""
    return looks()[name].alone if name in looks() else None


def takes_bags(name: str) -> bool:
    """Return whether a classifier is given the images of a subject, and not one vector of features."""
    return name in looks() and looks()[name].bags


def gives_probabilities(name: str) -> bool:
    """Return whether the scores of a classifier are probabilities."""
    return name in looks() and looks()[name].probabilities


def classifier_module(name: str) -> str:
    """Return the module whose ``build(options, seed)`` makes the pipeline and the grid of a classifier.

    Raises:
        ConfigError: There is no such classifier.
    """
    if not (FOLDER / name / "classifier.py").is_file():
        known = ", ".join(classifier_names())
        raise ConfigError(
            f"classifiers.{name}", "there is no such classifier", f"use one of {known}, or remove the key"
        )
    return f"sixgig.classifiers.{name}.classifier"


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a classifier with defaults filled in.

    Args:
        name: Name of the classifier.
        options: What the study file says under the classifier's name.

    Raises:
        ConfigError: An unknown classifier, an unknown option or a value that is not valid; names the key.
    """
    classifier_module(name)
    file = FOLDER / name / "options.yaml"
    own = read_yaml(file) if file.exists() else {"type": "object", "additionalProperties": False}
    schema = {**own, "$defs": read_yaml(DEFINITIONS)}
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    completed = copy.deepcopy(given)
    fill(completed, schema, schema)
    validate(completed, schema, f"classifiers.{name}")
    found: dict[str, Any] = ordered(completed, schema, schema)
    return found


def build_classifier(name: str, options: Mapping[str, Any], *, seed: int) -> tuple[Pipeline, Grid]:
    """Build a classifier for one training fold.

    Args:
        name: Name of the classifier.
        options: Its options from the study file.
        seed: Seed of whatever is random in it.

    Returns:
        A Pipeline whose last step is called ``classifier``, and the grid that the inner search goes through. The
        grid is empty when there is nothing to choose.

    Raises:
        ConfigError: See :func:`check_options`.
    """
    checked = check_options(name, options)
    pipeline, grid = import_module(classifier_module(name)).build(checked, seed)
    return pipeline, grid
