"""How ``sixgig new`` opens it with the adapter of this name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def ways(source: Path) -> list[tuple[dict[str, Any], list[str]]]:
    """Return options of the stanza, with what is to be said about them; the first that reads counts."""
    chosen = ["flair", "t1ce", "t2"]
    return [({"modalities": chosen}, [f"an image shows three of the four modalities: {', '.join(chosen)}"])]
