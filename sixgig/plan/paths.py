"""The files and folders that a study names: those that the schema marks with ``format: existing-path``."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.paths import user_path
from sixgig.runtime.rights import closed, is_mine, may_read, whose
from sixgig.runtime.schema import resolve

#: What the schema says about a key that names something which must be there.
EXISTING = "existing-path"
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_]\w*))")


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


def path_problem(text: str, beside: Path | None = None) -> tuple[str, str] | None:
    """Say why nothing is at a path that can be read, and what to do; None when something is there.

    Args:
        text: The path as the user writes it.
        beside: Folder of the study file, where the user may have meant the path to begin.
    """
    unset = [braced or plain for braced, plain in _VARIABLE.findall(text) if (braced or plain) not in os.environ]
    if unset:
        return (
            f"{text} uses the environment variable {unset[0]}, which is not set",
            f"set {unset[0]}, or write the path out",
        )
    path = user_path(text)
    if str(path).startswith("~"):
        return f"{text} does not exist: there is no such user", "write the path out"
    try:
        if path.exists():
            return None if may_read(path) else closed_problem(path)
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}", "correct the permissions of the folders above it"
    steps = []
    if not path.is_absolute() and beside is not None and (beside / path).exists():
        steps.append(f"write {os.path.relpath(beside / path)}, which is there beside the study file")
    elif text != text.strip():
        steps.append("remove the spaces around the path")
    elif "\\" in text:
        steps.append("separate folders with /")
    elif near := _near(path):
        steps.append(f"write {near}, if that is meant")
    if path.is_absolute():
        return f"{path} does not exist", steps[0] if steps else "correct the path, or put the files there"
    reason = f"{path} does not exist in {os.getcwd()}, the folder that results go to and relative paths start from"
    return reason, "; or ".join([*steps, "correct the path, or give it from / on"])


def closed_problem(path: Path) -> tuple[str, str]:
    """Say that something may not be read, whose it is, and how to come by the right."""
    path = closed(path)
    reason, name = f"{path} may not be read: it {whose(path)}", shlex.quote(str(path))
    if is_mine(path):
        return reason, f"chmod -R u+rX {name}"
    return reason, f"ask its owner for the right to read it (chmod -R o+rX {name}), or name a copy of it"


def _near(path: Path) -> Path | None:
    """Return a path of nearly the same name, at the first part that is not there."""
    for folder in path.parents:
        if folder.is_dir():
            wanted = path.relative_to(folder).parts[0]
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                return None
            same = [name for name in names if name.lower() == wanted.lower()]
            close = same or difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
            return folder / close[0] if close else None
    return None
