"""Read a study's config: schema, defaults, and the checks that a schema cannot express."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.registry import get_arm
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import ConfigError
from sixgig.runtime.places import WORKFLOW
from sixgig.sources.recipes import check_recipe

SCHEMA = WORKFLOW / "config" / "schema.yaml"
#: Side of a patch by the name part of a timm ViT; other ViTs are checked by timm when the network is built.
_PATCHES = {"patch8": 8, "patch14": 14, "patch16": 16, "patch32": 32}


def load_schema(path: Path = SCHEMA) -> dict[str, Any]:
    """Read the JSON schema of a study file."""
    import yaml

    with path.open(encoding="utf-8") as stream:
        return yaml.safe_load(stream)


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
    _fill(completed, schema, schema)
    _validate(completed, schema)
    _check_references(completed)
    ordered: dict[str, Any] = _ordered(completed, schema, schema)
    return ordered


def _resolve(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return dict(node)
    target: Any = root
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**_resolve(target, root), **{key: value for key, value in node.items() if key != "$ref"}}


def _fill(value: Any, node: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        return
    node = _resolve(node, root)
    for key, child in node.get("properties", {}).items():
        child = _resolve(child, root)
        if key not in value and "default" in child:
            value[key] = copy.deepcopy(child["default"])
        if key in value:
            if value[key] is None and child.get("type") == "object":
                value[key] = {}  # `svm:` with nothing after it is an empty stanza
            _fill(value[key], child, root)
    others = node.get("additionalProperties")
    if isinstance(others, Mapping):
        for key in value.keys() - node.get("properties", {}).keys():
            _fill(value[key], others, root)


def _ordered(value: Any, node: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    node = _resolve(node, root)
    known = node.get("properties", {})
    ordered = {key: _ordered(value[key], child, root) for key, child in known.items() if key in value}
    others = node.get("additionalProperties")
    child = others if isinstance(others, Mapping) else {}
    return ordered | {key: _ordered(entry, child, root) for key, entry in value.items() if key not in known}


def _validate(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    if not errors:
        return
    error = errors[0]
    path = ".".join(str(part) for part in error.absolute_path)
    more = f" ({len(errors) - 1} more after this one)" if len(errors) > 1 else ""
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise ConfigError(
            f"config key {path + '.' if path else ''}{unknown}",
            f"is not known{more}",
            f"{hint}Known here: {', '.join(known) or 'nothing'}. config/schema.yaml explains them",
        )
    description = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    raise ConfigError(
        f"config key {path or '(top level)'}",
        f"{error.message}{more}",
        f"correct it in the study file{'. Meaning: ' + description.strip() if description else ''}",
    )


def options_for(options: Mapping[str, Any], cohort: str, cohort_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stanza of vit_mim as it applies to one cohort: crop, patch, and the mode that auto stands for."""
    own = {name: value for name, value in options.items() if name != "per_cohort"} | options["per_cohort"].get(
        cohort, {}
    )
    if own["mode"] == "auto":
        own["mode"] = "volume" if "volume" in cohort_options else "slices"
    return own


def _check_masked(config: Mapping[str, Any]) -> None:
    """What can be known about the crops of masked image modelling before any cohort is prepared."""
    options = config["arms"].get("vit_mim")
    if options is None:
        return
    place = "config key arms.vit_mim"
    unknown = sorted(set(options["per_cohort"]) - set(config["cohorts"]))
    if unknown:
        names = ", ".join(config["cohorts"])
        raise ConfigError(f"{place}.per_cohort.{unknown[0]}", "is no cohort of this study", f"use one of {names}")
    if (options["init"] == "file") != ("init_file" in options):
        raise ConfigError(f"{place}.init_file", "goes with `init: file`, and only with it", "give both or none")
    if options["encoder"] and options["init"] != "scratch":
        raise ConfigError(f"{place}.encoder", "sizes go with `init: scratch` alone", "remove them, or change init")
    for name, cohort in config["cohorts"].items():
        own = options_for(options, name, cohort)
        if own["mode"] != "volume":
            continue
        if "volume" not in cohort:
            raise ConfigError(
                f"{place}.mode",
                f"is volume, and cohort {name} has no volumes",
                f"set it to auto or slices, or add `volume: {{size: [z, y, x]}}` to cohorts.{name} (3D cohorts)",
            )
        crop, patch, size = own["crop"], own["patch"], cohort["volume"]["size"]
        if any(part % side for part, side in zip(crop, patch, strict=True)):
            fits = [max(part // side, 1) * side for part, side in zip(crop, patch, strict=True)]
            raise ConfigError(
                f"{place}.patch", f"{patch} does not divide the crop {crop} of cohort {name}", f"use a crop of {fits}"
            )
        if any(part > whole for part, whole in zip(crop, size, strict=True)):
            raise ConfigError(
                f"{place}.crop",
                f"{crop} is larger than the volumes of cohort {name}, {size}",
                f"raise cohorts.{name}.volume.size, or set arms.vit_mim.per_cohort.{name}.crop",
            )


def _check_contrastive(config: Mapping[str, Any]) -> None:
    """What can be known about the contrastive arm's batches before any cohort is prepared."""
    options = config["arms"].get("vit_contrastive")
    if options is None or options["loss"] == "g_r":
        return
    size = options["batch_size"]
    for name, cohort in config["cohorts"].items():
        parts = cohort["partitions"]
        if open_adapter(cohort, f"cohorts.{name}").dimensions == 3 and size % parts:
            raise ConfigError(
                "config key arms.vit_contrastive.batch_size",
                f"is {size}, and cohort {name} has {parts} partitions, of which every volume gives one slice each",
                f"use a multiple of {parts}, such as {max(size // parts, 1) * parts}",
            )


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
    for name in ("vit_sparse",):
        if name in arms and "vit_pure" not in arms:
            raise ConfigError(
                f"config key arms.{name}",
                "needs the features of vit_pure",
                "add vit_pure to `arms`, or remove this arm",
            )
    if config["controls"]["random_vit"] and "vit_pure" not in arms:
        raise ConfigError(
            "config key controls.random_vit",
            "is the ViT of vit_pure with random weights, and vit_pure is not among the arms",
            "add vit_pure to `arms`, or set controls.random_vit: false",
        )
    learning = [name for name in arms if get_arm(name).learns]
    if learning and config["evaluation"]["pretraining_fraction"] == 0 and config["scope"] == "inductive":
        raise ConfigError(
            "config key evaluation.pretraining_fraction",
            f"is 0, so {' and '.join(learning)} would have no subjects to learn from",
            f"raise it, or remove {' and '.join(learning)}",
        )
    _check_contrastive(config)
    _check_masked(config)
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
