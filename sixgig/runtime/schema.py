"""Fill in the defaults of a JSON schema, order keys as it does, and say what does not fit it."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sixgig.errors import ConfigError

#: Characters of a wrong value that a message shows.
_LONGEST = 80


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

    _check_keys(value, place)
    whole = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _whole_pattern})
    validator = whole(schema)
    # A misspelt key is named before the one that it leaves missing.
    errors = sorted(
        validator.iter_errors(value),
        key=lambda error: (list(map(str, error.absolute_path)), error.validator != "additionalProperties"),
    )
    if not errors:
        return
    error = errors[0]
    parts = [*error.absolute_path, *([error.instance] if "propertyNames" in error.absolute_schema_path else [])]
    path = ".".join([place] * bool(place) + [_printable(part) for part in parts])
    more = f" ({len(errors) - 1} more after this one)" if len(errors) > 1 else ""
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        raise ConfigError(
            f"config key {path + '.' if path else ''}{_printable(unknown)}",
            f"is not known{more}",
            f"{_likely(str(unknown), known, schema)}Known here: {', '.join(known) or 'nothing'}. "
            "config/schema.yaml explains them",
        )
    description = _meaning(error.absolute_path, schema)
    raise ConfigError(
        f"config key {path or '(top level)'}",
        f"{_reason(error)}{more}",
        f"{_remedy(error)}{'. Meaning: ' + description.strip() if description else ''}",
    )


def _check_keys(value: Any, place: str) -> None:
    """Refuse keys that are no text; YAML reads ``1:`` as a number and ``null:`` as nothing."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            own = f"{place}.{key}" if place else str(key)
            if not isinstance(key, str):
                reason = f"is {'nothing' if key is None else f'no text but {key!r}'}, and a key is a name"
                raise ConfigError(f"config key {own}", reason, "give it a name that begins with a letter")
            _check_keys(entry, own)
    elif isinstance(value, list):
        for entry in value:
            _check_keys(entry, place)


def _whole_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """Check a pattern as JSON Schema means it: ``$`` is the end of the text, and not also before a last line break."""
    import jsonschema

    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$(?=\)|$)", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _printable(key: object) -> str:
    """Return a key in one line: line breaks and the like as they are escaped in Python."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(key))[:_LONGEST]


def _likely(unknown: str, known: Sequence[str], schema: Mapping[str, Any]) -> str:
    """Say what was probably meant by an unknown key, as a sentence; empty when nothing is close."""
    word = unknown.strip()
    if ":" in word:
        return f"write a space after the colon of {word}. "
    if word.isdigit():
        return "write decimals with a point. "
    if close := difflib.get_close_matches(word, known, n=1):
        return f"did you mean `{close[0]}`? "
    sections = [section for section in _sections(schema, schema, word) if section]
    return f"did you mean `{sections[0]}.{word}`? " if len(sections) == 1 else ""


def _sections(node: Mapping[str, Any], root: Mapping[str, Any], key: str, place: str = "") -> Iterator[str]:
    """Yield the sections of a schema that have a key of this name; those below names that the user chooses are not."""
    properties = resolve(node, root).get("properties", {})
    if key in properties:
        yield place
    for name, child in properties.items():
        yield from _sections(child, root, key, f"{place}.{name}" if place else name)


def _reason(error: Any) -> str:
    """Say what does not fit, without the whole value where that is long."""
    if error.instance is None:
        return "has no value"
    if error.validator in ("minProperties", "maxProperties"):
        return f"holds {', '.join(map(str, error.instance)) or 'nothing'}"
    shown = repr(error.instance)
    if error.validator == "maxLength":
        return f"has {len(error.instance)} characters"
    message = str(error.message)
    return message if len(shown) <= _LONGEST else message.replace(shown, f"{shown[:_LONGEST]} ...")


def _remedy(error: Any) -> str:
    """Say what to do about a value that does not fit."""
    instance, validator, wanted = error.instance, error.validator, error.validator_value
    known = list(error.schema.get("properties", {}))
    if instance is None:
        return "give one, or remove the key"
    if validator == "required":
        return f"add {' and '.join(f'`{name}`' for name in wanted if name not in instance)}"
    if validator == "enum":
        close = difflib.get_close_matches(str(instance), [str(word) for word in wanted], n=1, cutoff=0.75)
        return f"did you mean `{close[0]}`? Write one of these words" if close else "write one of these words"
    if validator == "maxLength":
        return f"use at most {wanted} characters: file names are made of it, which have 255 at most"
    if validator == "pattern" and instance != instance.strip() and re.search(wanted, instance.strip()):
        return f"write {instance.strip()}, without spaces and line breaks around it"
    if validator == "pattern" and re.fullmatch(wanted, instance.lower()):
        return f"write {instance.lower()}, in lower case"
    is_name = "propertyNames" in error.absolute_schema_path or [*error.absolute_path] == ["study"]
    if validator == "pattern" and is_name:
        plain = re.sub(r"[^a-z0-9_]+", "_", instance.lower()).strip("_")
        proposed = (name for name in (plain, f"name_{plain}".rstrip("_")) if re.fullmatch(wanted, name))
        return f"choose another name, such as {next(proposed, 'name')}"
    if validator in ("minProperties", "maxProperties"):
        bound = "at least" if validator == "minProperties" else "no more than"
        return f"give {bound} {wanted} {'of ' + ', '.join(known) if known else 'keys'}"
    if validator == "type" and wanted == "array" and not isinstance(instance, dict):
        return f"write it as a list: [{instance}]"
    if validator == "type" and wanted == "object":
        return f"write keys below it, such as `{next(iter(known), 'key')}: ...`"
    if validator == "type" and wanted in ("integer", "number"):
        return "write a whole number" if wanted == "integer" else "write a number, with a point for decimals"
    return "correct it"


def _meaning(path: Iterable[str | int], schema: Mapping[str, Any]) -> str:
    """The description of the innermost key on a path that has one."""
    node, meaning = dict(schema), ""
    for part in (None, *path):
        if part is not None:
            inner = node.get("properties", {}).get(part) or node.get("additionalProperties") or node.get("items")
            node = resolve(inner, schema) if isinstance(inner, Mapping) else {}
        meaning = node.get("description", meaning)
    return meaning
