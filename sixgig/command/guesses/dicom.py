"""Series that are volumes, radiographs that are pictures, or several series of which one has to be chosen."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.command.findings import Options
from sixgig.errors import CohortError

#: After cohorts whose folders have names of their own.
RANK = 1


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see the package."""
    try:
        found = kind().discover(source)
    except CohortError as error:
        note = (
            f"`series: best` takes one series of each subject, because {error.reason}. Better say which with `select`"
        )
        return [({}, []), ({"series": "best"}, [note])]
    if not found.records and found.rejections and kind(options={"dimensions": 2}).discover(source).records:
        return [({"dimensions": 2}, ["every file is an image of its own: no series makes a volume"])]
    return [({}, [])]
