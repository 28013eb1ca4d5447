"""Four modalities, of which an image shows three."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    chosen = ["flair", "t1ce", "t2"]
    return [({"modalities": chosen}, [f"an image shows three of the four modalities: {', '.join(chosen)}"])]
