"""Where this user's small caches lie: planning writes nothing into the folder of results."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache(name: str) -> Path:
    """Return the path of a cache file of this user: below ``XDG_CACHE_HOME``, else below ``~/.cache``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(given) if Path(given).is_absolute() else Path(os.path.expanduser("~")) / ".cache"
    return folder / "sixgig" / name
