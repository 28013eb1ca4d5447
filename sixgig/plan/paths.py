"""The files and folders that a study names: those that the schema marks with ``format: existing-path``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sixgig.runtime.schema import resolve

#: What the schema says about a key that names something which must be there.
EXISTING = "existing-path"


def named_paths(
    value: Any, node: Mapping[str, Any], root: Mapping[str, Any], key: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every path that a study names.

    Args:
        value: The study, or a part of it.
        node: The schema of that part.
        root: The whole schema.
        key: Where the part stands.
    """
    node = resolve(node, root)
    if node.get("format") == EXISTING and isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        others = node.get("additionalProperties")
        for name, entry in value.items():
            child = node.get("properties", {}).get(name) or (others if isinstance(others, Mapping) else {})
            yield from named_paths(entry, child, root, f"{key}.{name}" if key else str(name))
