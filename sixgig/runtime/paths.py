"""Paths as users write them: ``~``, environment variables, and relative to the folder that Snakemake runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.errors import without_folders


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return the path that a user means, with ``~`` and variables such as ``$DATA`` filled in.

    A variable that is not set stays as it is written; planning says so.
    """
    return Path(os.path.expanduser(os.path.expandvars(text)))


def shareable(value: Any) -> Any:
    """Return a config, or a part of it, in which no absolute path is left: ``/home/me/data/acdc`` is ``.../acdc``."""
    if isinstance(value, Mapping):
        return {key: shareable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shareable(entry) for entry in value]
    if isinstance(value, str) and os.path.isabs(value):
        shown = without_folders(value.rstrip("/"))
        return f".../{os.path.basename(shown)}" if os.path.isabs(shown) or shown.startswith("...") else shown
    return value
