"""Modalities are listed in the task's own file."""

from __future__ import annotations

import json
from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    index = next(path for path in (source / "dataset.json", *source.glob("*/dataset.json")) if path.is_file())
    try:
        listed = json.loads(index.read_text(encoding="utf-8-sig"))["modality"]
        names = [listed[key] for key in sorted(listed, key=int)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [({}, [])]  # the adapter says what is wrong with the file
    if len(names) <= 3:
        return [({}, [])]
    return [({"modalities": names[:3]}, [f"an image shows three of {', '.join(names)}: change `modalities` at will"])]
