"""Fill in the defaults of a JSON schema, order keys as it does, and say what does not fit it."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from sixgig.errors import ConfigError


def resolve(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node of a schema with its ``$ref`` followed; keys beside the reference win."""
    if "$ref" not in node:
        return dict(node)
    target: Any = root
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolve(target, root), **{key: value for key, value in node.items() if key != "$ref"}}


def fill(value: Any, node: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    """Give a value, in place, the default of every key that it lacks.

    Args:
        value: What YAML gave.
        node: The schema of the value.
        root: The whole schema, in which references are looked up.
    """
    if not isinstance(value, dict):
        return
    node = resolve(node, root)
    for key, child in node.get("properties", {}).items():
        child = resolve(child, root)
        if key not in value and "default" in child:
            value[key] = copy.deepcopy(child["default"])
        if key in value:
            if value[key] is None and child.get("type") == "object":
                value[key] = {}  # a key with nothing after it is an empty stanza
            fill(value[key], child, root)
    others = node.get("additionalProperties")
    if isinstance(others, Mapping):
        for key in value.keys() - node.get("properties", {}).keys():
            fill(value[key], others, root)


def ordered(value: Any, node: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Return a value with its keys in the schema's order; keys that the user named keep theirs."""
    if not isinstance(value, dict):
        return value
    node = resolve(node, root)
    known = node.get("properties", {})
    found = {key: ordered(value[key], child, root) for key, child in known.items() if key in value}
    others = node.get("additionalProperties")
    child = others if isinstance(others, Mapping) else {}
    return found | {key: ordered(entry, child, root) for key, entry in value.items() if key not in known}


def validate(value: Mapping[str, Any], schema: Mapping[str, Any], place: str = "") -> None:
    """Refuse a value that does not fit a schema.

    Args:
        value: The value, defaults filled in.
        schema: The schema.
        place: Where the value stands in the study file, such as ``evaluation``; empty for the whole file.

    Raises:
        ConfigError: It does not fit; names the key, and what the key means.
    """
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    if not errors:
        return
    error = errors[0]
    path = ".".join([place] * bool(place) + [str(part) for part in error.absolute_path])
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
    description = _meaning(error.absolute_path, schema)
    raise ConfigError(
        f"config key {path or '(top level)'}",
        f"{error.message}{more}",
        f"correct it in the study file{'. Meaning: ' + description.strip() if description else ''}",
    )


def _meaning(path: Iterable[str | int], schema: Mapping[str, Any]) -> str:
    """The description of the innermost key on a path that has one."""
    node, meaning = dict(schema), ""
    for part in (None, *path):
        if part is not None:
            inner = node.get("properties", {}).get(part) or node.get("additionalProperties") or node.get("items")
            node = resolve(inner, schema) if isinstance(inner, Mapping) else {}
        meaning = node.get("description", meaning)
    return meaning
