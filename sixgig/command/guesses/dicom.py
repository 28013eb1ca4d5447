"""Series that are volumes, several of which one has to be chosen, or radiographs that are pictures."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options

#: After cohorts whose folders have names of their own.
RANK = 1
_BEST = (
    "there are series of several kinds: `series: best` takes the kind that most subjects have. Better say which is the "
    "image with `select`, such as select: {SeriesDescription: ...}"
)
_PICTURES = "no series makes a volume: every file is an image of its own"


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    del kind, source
    return [({}, []), ({"series": "best"}, [_BEST]), ({"dimensions": 2}, [_PICTURES])]
