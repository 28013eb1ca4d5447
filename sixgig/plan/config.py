"""Read a study's config: schema, defaults, and the checks that a schema cannot express."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from sixgig.arms.base import FeatureArm
from sixgig.arms.registry import arm_names, control_key, get_arm, is_control
from sixgig.classifiers.registry import alone, classifier_names
from sixgig.errors import ConfigError
from sixgig.plan.schema import load_schema
from sixgig.runtime.schema import fill, ordered, validate
from sixgig.sources.recipes import check_recipe
from sixgig.weights.monai_networks import is_monai

#: Side of a patch by the name part of a timm ViT; other ViTs are checked by timm when the network is built.
_PATCHES = {"patch8": 8, "patch14": 14, "patch16": 16, "patch32": 32}


def complete(config: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Check a study's config and fill in defaults.

    Args:
        config: What YAML gave.
        schema: The schema; sixgig's own when None.

    Returns:
        A new config in which every optional key with a default is present, and keys stand in the schema's order:
        Snakemake compares parameters as text, and a study file whose keys were only moved must not rerun anything.
        Names that the user chose (cohorts, weights) keep the user's order.

    Raises:
        ConfigError: A key is unknown, missing or of the wrong type, or two keys contradict each other.
    """
    schema = load_schema() if schema is None else schema
    completed = copy.deepcopy(dict(config))
    fill(completed, schema, schema)
    validate(completed, schema)
    _check_references(completed)
    in_order: dict[str, Any] = ordered(completed, schema, schema)
    return in_order


def wanted_arms(config: Mapping[str, Any]) -> list[str]:
    """Return the arms and the controls with features that a study asks for, in display order."""
    return [
        name
        for name in arm_names()
        if (config["controls"][control_key(name)] if is_control(name) else name in config["arms"])
    ]


def methods_of(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of arm and classifier that a study asks for, in the order of tables."""
    pairs = [(arm, classifier) for arm in wanted_arms(config) for classifier in config["classifiers"]]
    for classifier in classifier_names():
        arm = alone(classifier)
        if arm and config["controls"][control_key(arm)]:
            pairs.append((arm, classifier))
    return pairs


def _needed(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the key of an arm that needs another, the other, and what for."""
    for name in wanted_arms(config):
        arm = get_arm(name)
        if issubclass(arm, FeatureArm):
            yield f"arms.{name}", arm.source_arm, f"needs the features of {arm.source_arm}"
        if arm.stands_for:
            yield f"controls.{control_key(name)}", arm.stands_for, f"needs {arm.stands_for}, whose options it shares"


def _check_references(config: Mapping[str, Any]) -> None:
    arms, weights = config["arms"], config["weights"]
    for name, options in arms.items():
        asked = options.get("weights")
        if asked is not None and asked not in weights:
            raise ConfigError(
                f"config key arms.{name}.weights",
                f"there are no weights {asked!r}",
                f"use one of {', '.join(weights)}, or add {asked} under `weights`",
            )
    for key, other, reason in _needed(config):
        if other not in arms:
            raise ConfigError(
                f"config key {key}",
                f"{reason}, and {other} is not among the arms",
                f"add {other} to `arms`, or {'set it to false' if key.startswith('controls') else 'remove this arm'}",
            )
    learning = [name for name in arms if get_arm(name).learns]
    if learning and config["evaluation"]["pretraining_fraction"] == 0 and config["scope"] == "inductive":
        raise ConfigError(
            "config key evaluation.pretraining_fraction",
            f"is 0, so {' and '.join(learning)} would have no subjects to learn from",
            f"raise it, or remove {' and '.join(learning)}",
        )
    for name, options in arms.items():
        model = weights[options["weights"]]["model"] if "weights" in options else ""
        if is_monai(model) and get_arm(name).library != "monai":
            raise ConfigError(
                f"config key arms.{name}.weights",
                f"{model} is a network for volumes, and this arm reads images",
                "use weights of a network of timm, or an arm for volumes",
            )
        get_arm(name).check(config)
    size = config["image"]["size"]
    for name, options in arms.items():
        model = weights[options["weights"]]["model"] if "weights" in options else ""
        patch = next((side for part, side in _PATCHES.items() if f"_{part}" in model), None)
        if patch and size % patch:
            raise ConfigError(
                "config key image.size",
                f"{size} pixels cannot be cut into patches of {patch} ({model} of arm {name})",
                f"use {size // patch * patch or patch} or {(size // patch + 1) * patch}",
            )
    for name, entry in weights.items():
        if "wheel" in entry["source"] and "member" not in entry:
            raise ConfigError(
                f"config key weights.{name}.member",
                "is missing",
                "name the file inside the wheel that holds the weights",
            )
    for name, cohort in config["cohorts"].items():
        adapter, phantom = cohort["adapter"], cohort["source"].get("phantom")
        check_recipe(cohort, f"cohorts.{name}")
        if phantom and phantom["kind"] != adapter:
            raise ConfigError(
                f"config key cohorts.{name}.adapter",
                f"{adapter} cannot read a {phantom['kind']} phantom",
                f"use `adapter: {phantom['kind']}`",
            )
