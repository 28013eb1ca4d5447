"""Four modalities, of which an image shows three; one release has a single one."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.brats_releases import releases_in
from sixgig.command.findings import Options


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    there = next(iter(releases_in(source)))
    chosen = [name for name in ("flair", "t1ce", "t2") if name in there.spelling]
    if len(chosen) == 1:
        return [({"modalities": chosen}, [f"this release has one modality: {chosen[0]}"])]
    return [({"modalities": chosen}, [f"an image shows three of the four modalities: {', '.join(chosen)}"])]
