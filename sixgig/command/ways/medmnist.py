"""How ``sixgig new`` opens it with the adapter of this name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def ways(source: Path) -> list[tuple[dict[str, Any], list[str]]]:
    """Return options of the stanza, with what is to be said about them; the first that reads counts."""
    return [({}, []), ({"dimensions": 3, "crop": "none"}, [])]
