"""How ``sixgig new`` opens it with the adapter of this name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def ways(source: Path) -> list[tuple[dict[str, Any], list[str]]]:
    """Return options of the stanza, with what is to be said about them; the first that reads counts."""
    index = next(path for path in (source / "dataset.json", *source.glob("*/dataset.json")) if path.is_file())
    try:
        listed = json.loads(index.read_text(encoding="utf-8-sig"))["modality"]
        names = [listed[key] for key in sorted(listed, key=int)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [({}, [])]  # the adapter says what is wrong with the file
    if len(names) <= 3:
        return [({}, [])]
    return [({"modalities": names[:3]}, [f"an image shows three of {', '.join(names)}: change `modalities` at will"])]
