"""Paths as users write them: ``~``, environment variables, and relative to the folder that Snakemake runs in."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_]\w*))")


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return the path that a user means, with ``~`` and variables such as ``$DATA`` filled in.

    A variable that is not set stays as it is written; :func:`path_problem` says so.
    """
    return Path(os.path.expanduser(os.path.expandvars(text)))


def path_problem(text: str, beside: Path | None = None) -> tuple[str, str] | None:
    """Say why nothing is at a path, and what to do; None when something is there.

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
            return None
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
        steps.append(f"did you mean {near}?")
    if path.is_absolute():
        return f"{path} does not exist", steps[0] if steps else "correct the path, or put the files there"
    reason = f"{path} does not exist in {os.getcwd()}, the folder that results go to and relative paths start from"
    return reason, "; ".join([*steps, "correct the path, or give it from / on"])


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
