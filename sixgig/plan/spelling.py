"""Take the text of a value where the schema wants a text, and a number where it wants a number.

YAML reads ``positive: 1`` as a number, ``{yes: [...]}`` as a truth value and ``1e-4`` as a text. What stands in the
file is right in all three, and the schema says which of the two is meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sixgig.errors import ConfigError
from sixgig.plan.yaml_lines import KeyPath
from sixgig.runtime.schema import resolve

#: Numbers as people write them; YAML 1.1 wants a point in the first.
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: What YAML 1.1 reads in base 8 or 60.
_OTHER_BASE = re.compile(r"[-+]?(?:0\d[\d_]*|\d[\d_]*(?::\d+)+.*)")


def as_meant(value: Any, schema: Mapping[str, Any], texts: Mapping[KeyPath, str]) -> Any:
    """Return a study's values as the schema wants them; what it cannot want either way stays for the validation.

    Args:
        value: What YAML gave.
        schema: The whole schema.
        texts: Path of a value -> its text, for those that YAML does not read as text.

    Raises:
        ConfigError: A number is written in a way that YAML reads in another base, or is infinite or not a number.
    """
    return _as_meant(value, schema, schema, texts, ())


def _as_meant(
    value: Any, node: Mapping[str, Any], root: Mapping[str, Any], texts: Mapping[KeyPath, str], path: KeyPath
) -> Any:
    node = resolve(node, root)
    if isinstance(value, dict) and (_type(node) == "object" or path not in texts):
        known, others = node.get("properties", {}), node.get("additionalProperties")
        rest = others if isinstance(others, Mapping) else {}
        return {key: _as_meant(entry, known.get(key, rest), root, texts, (*path, key)) for key, entry in value.items()}
    if isinstance(value, list) and (_type(node) == "array" or path not in texts):
        items = node.get("items", {})
        return [_as_meant(entry, items, root, texts, (*path, str(place))) for place, entry in enumerate(value)]
    wanted = _type(node)
    if wanted == "string" and not isinstance(value, str):
        return texts.get(path, value)
    if wanted in ("integer", "number"):
        return _number(value, wanted, texts.get(path), path)
    return value


def _type(node: Mapping[str, Any]) -> str | None:
    """Return the one type that a schema's node wants; ``string`` for a choice of words."""
    if "enum" in node and all(isinstance(word, str) for word in node["enum"]):
        return "string"
    found = node.get("type")
    return found if isinstance(found, str) else None


def _number(value: Any, wanted: str, text: str | None, path: KeyPath) -> Any:
    place = f"config key {'.'.join(path)}"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if text is not None and _OTHER_BASE.fullmatch(text):
        step = "write it without leading zeros and colons"
        raise ConfigError(place, f"is written {text}, which YAML reads as {value}", step)
    if not math.isfinite(value):
        raise ConfigError(place, f"is {value}", "give a finite number")
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
