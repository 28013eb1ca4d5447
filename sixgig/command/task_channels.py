"""Which modalities of a folder with a ``dataset.json`` an image shows: that file lists them."""

from __future__ import annotations

from pathlib import Path

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.task_index import INDEX, MOST, channels, find_task, read_index
from sixgig.command.findings import Options
from sixgig.errors import CohortError


def options(kind: type[Adapter], source: Path) -> list[Options]:
    """Return the ways to open the adapter; see :mod:`sixgig.command.guesses`."""
    task = find_task(source)
    assert task is not None  # the adapter was asked whether it reads the folder
    try:
        names = list(channels(task / INDEX, read_index(task / INDEX)))
    except CohortError:
        return [({}, [])]  # the adapter says what is wrong with the file
    if len(names) <= MOST:
        return [({}, [])]
    note = f"an image shows three of {', '.join(names)}: change `modalities` at will"
    return [({"modalities": names[:MOST]}, [note])]
