"""Read a study's config: schema, defaults, and the checks that a schema cannot express."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any

from sixgig.arms.base import FeatureArm, PlainArm
from sixgig.arms.instances import (
    OLD_KEY,
    Instance,
    check_kinds,
    control_name,
    default_source,
    instances,
    model_of,
)
from sixgig.arms.looks import check_looks
from sixgig.arms.naming import naming
from sixgig.arms.registry import RANDOM, control_key
from sixgig.classifiers.registry import alone, classifier_names
from sixgig.errors import ConfigError
from sixgig.plan.bags import check_bags, fits
from sixgig.plan.contrasts import planned_contrasts
from sixgig.plan.external import check_external
from sixgig.plan.schema import study_schema
from sixgig.runtime.schema import fill, ordered, validate
from sixgig.sources.recipes import check_recipe
from sixgig.weights.catalogue import resolve_encoders
from sixgig.weights.entries import check_entry
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
    completed = copy.deepcopy(dict(config))
    if "weights" in completed:
        completed["weights"] = resolve_encoders(completed["weights"])
    check_kinds(completed)
    _rename_old(completed)
    schema = study_schema(completed) if schema is None else schema
    fill(completed, schema, schema)
    validate(completed, schema)
    _check_references(completed)
    in_order: dict[str, Any] = ordered(completed, schema, schema)
    return in_order


def wanted_arms(config: Mapping[str, Any]) -> list[str]:
    """Return the arms and the controls with features that a study asks for, in display order."""
    return list(instances(config))


def methods_of(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of arm and classifier that a study asks for, in the order of tables."""
    every = ((arm, classifier) for arm in wanted_arms(config) for classifier in config["classifiers"])
    pairs = [pair for pair in every if fits(config, *pair)]
    for classifier in classifier_names():
        arm = alone(classifier)
        if arm and config["controls"][control_key(arm)]:
            pairs.append((arm, classifier))
    return pairs


def source_of(config: Mapping[str, Any], arm: Instance) -> str:
    """Return the arm whose image features a feature arm reads.

    Raises:
        ConfigError: It names none, and there is none of the kind that it would read then.
    """
    found = arm.arm
    assert issubclass(found, FeatureArm)
    source = arm.options.get("source") or default_source(config, found.default_source)
    if source is None:
        raise ConfigError(
            f"config key arms.{arm.name}",
            f"needs the features of another arm, and no arm is of kind {found.default_source}",
            f"name another arm: `arms.{arm.name}.source`; or add {found.default_source} to `arms`, or remove this arm",
        )
    return str(source)


def _rename_old(config: dict[str, Any]) -> None:
    """Take the old name of the key for random controls."""
    controls, key = config.get("controls"), control_key(RANDOM)
    if not isinstance(controls, dict) or not isinstance(controls.get(OLD_KEY), bool):
        return
    if key in controls:
        reason = f"is the old name of controls.{key}, which is there too"
        raise ConfigError(f"config key controls.{OLD_KEY}", reason, "remove it")
    config["controls"] = {key if name == OLD_KEY else name: value for name, value in controls.items()}


def _check_sources(config: Mapping[str, Any], found: Mapping[str, Instance]) -> None:
    readable = [
        name for name, arm in found.items() if arm.arm.has_image_features(arm.options) and arm.stands_for is None
    ]
    for arm in found.values():
        if issubclass(arm.arm, FeatureArm) and (source := source_of(config, arm)) not in readable:
            reason = "has no features of images" if source in found else "is not among the arms"
            close = difflib.get_close_matches(source, readable, n=1)
            raise ConfigError(
                f"config key arms.{arm.name}.source",
                f"{source} {reason}",
                f"{f'did you mean `{close[0]}`? ' if close else ''}Arms with features of images: {', '.join(readable)}",
            )


def _check_random(config: Mapping[str, Any], found: Mapping[str, Instance]) -> None:
    """Refuse a network without a control because every arm with one of its family trains it."""
    if not config["controls"][control_key(RANDOM)]:
        return
    for arm in found.values():
        model = model_of(arm, config)
        if model and control_name(model) not in found:
            weights = arm.options["weights"]
            raise ConfigError(
                f"config key controls.{control_key(RANDOM)}",
                f"the random control of {arm.name} has the options of an arm that uses such a network as it is, and no "
                "arm does",
                f"add an arm with weights {weights} of a kind that does not learn, or set it to false",
            )


def _check_references(config: Mapping[str, Any]) -> None:
    arms, weights = config["arms"], config["weights"]
    for name, options in arms.items():
        asked = options.get("weights")
        if asked is not None and asked not in weights:
            raise ConfigError(
                f"config key arms.{name}.weights",
                f"there are no weights {asked!r}",
                f"use one of {', '.join(weights)}, or add {asked} under `weights`"
                if weights
                else f"add {asked} under `weights`",
            )
    found = instances(config)
    _check_sources(config, found)
    _check_random(config, found)
    check_bags(config, found)
    planned_contrasts(config)  # names in evaluation.contrasts
    check_looks(config)
    if config["evaluation"]["seeds"] > 1 and "fractions" in config["evaluation"]:
        raise ConfigError(
            "config key evaluation.seeds",
            "is above 1, and a label-fraction curve (evaluation.fractions) is of one seed",
            "write 1, or remove evaluation.fractions: two studies can do both",
        )
    learning = [name for name in arms if found[name].arm.learns]
    if learning and config["evaluation"]["pretraining_fraction"] == 0 and config["scope"] == "inductive":
        raise ConfigError(
            "config key evaluation.pretraining_fraction",
            f"is 0, so {' and '.join(learning)} would have no subjects to learn from",
            f"raise it, or remove {' and '.join(learning)}",
        )
    for name in arms:
        arm = found[name].arm
        model = model_of(found[name], config)
        if is_monai(model) and arm.library != "monai":
            raise ConfigError(
                f"config key arms.{name}.weights",
                f"{model} is a network for volumes, and this arm reads images",
                "use weights of a network of timm, or an arm for volumes",
            )
        # Messages of arms without a network name the arm, and the name of their kind may be any word.
        with naming(name if issubclass(arm, PlainArm) else found[name].kind, name):
            arm.check(config, name)
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
        check_entry(f"config key weights.{name}", entry)
    for name, cohort in config["cohorts"].items():
        adapter, phantom = cohort["adapter"], cohort["source"].get("phantom")
        check_recipe(cohort, f"cohorts.{name}")
        if phantom and phantom["kind"] != adapter:
            raise ConfigError(
                f"config key cohorts.{name}.adapter",
                f"{adapter} cannot read a {phantom['kind']} phantom",
                f"use `adapter: {phantom['kind']}`",
            )
    check_external(config)
