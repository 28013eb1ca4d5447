"""Paths as users write them: ``~``, environment variables, and relative to the folder that Snakemake runs in."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return the path that a user means, with ``~`` and variables such as ``$DATA`` filled in.

    A variable that is not set stays as it is written; planning says so.
    """
    return Path(os.path.expanduser(os.path.expandvars(text)))
