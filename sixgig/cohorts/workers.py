"""Subjects prepared in several processes, as many as the free memory allows."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from sixgig.cohorts.base import Adapter, Item, Record
from sixgig.cohorts.fingerprints import files_of
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.stored import read_shape
from sixgig.cohorts.subject import PreparedSubject
from sixgig.cohorts.unpacking import unpacked_size
from sixgig.runtime.attempts import fewer
from sixgig.runtime.faults import MemoryShortError
from sixgig.runtime.stopping import end_with_parent

#: A process with its packages, before it has read anything.
_PROCESS_BYTES = 220 * 2**20
#: Part of the free memory that is used: other jobs need some too.
_SHARE = 0.8
#: Subjects whose files are looked at, evenly spread over the cohort.
_LOOKED_AT = 16
_PICTURES_READ = 4
#: What a pixel takes at most while its picture is read, normalised and resized (measured: 3 to 12).
_PIXEL_BYTES = 14
#: Images of a 2D cohort take milliseconds: many in one message, or the messages take longer than the work.
_BATCH_2D = 32

Prepare = Callable[[Adapter, Record, Recipe], PreparedSubject]
_log = logging.getLogger(__name__)


def results(
    prepare: Prepare, adapter: Adapter, records: Sequence[Record], recipe: Recipe, workers: int
) -> Iterator[PreparedSubject]:
    """Yield the subjects in order, prepared in up to ``workers`` processes; the results do not depend on how many.

    Raises:
        MemoryShortError: A process was killed, as happens when memory runs out.
    """
    workers = min(affordable(adapter, records, recipe, fewer(workers)), len(records))
    if workers <= 1:
        yield from (prepare(adapter, record, recipe) for record in records)
        return
    import joblib

    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(
            n_jobs=workers,
            return_as="generator",
            batch_size=1 if adapter.dimensions == 3 else _BATCH_2D,
            pre_dispatch="2*n_jobs",
        )
        try:
            work = joblib.delayed(_prepare_here)
            yield from parallel(work(prepare, os.getpid(), adapter, record, recipe) for record in records)
        except BrokenProcessPool as error:
            raise MemoryShortError(
                records[0].root,
                "a process that prepared a subject was killed, probably because memory ran out",
                "run again with fewer cores: the subjects prepared so far are kept",
            ) from error


def _prepare_here(prepare: Prepare, job: int, adapter: Adapter, record: Record, recipe: Recipe) -> PreparedSubject:
    """Prepare a subject in a process that does not outlive its job."""
    end_with_parent(job)
    return prepare(adapter, record, recipe)


def affordable(adapter: Adapter, records: Sequence[Record], recipe: Recipe, workers: int) -> int:
    """Return how many of ``workers`` processes the free memory allows, at least one."""
    if workers <= 1 or not records:
        return workers
    import psutil

    free = psutil.virtual_memory().available
    needed = _PROCESS_BYTES
    needed += picture_bytes(adapter, records) if adapter.dimensions == 2 else subject_bytes(records, recipe)
    allowed = max(1, int(_SHARE * free / needed))
    _log.info(
        "a process needs about %d MB for its largest subject, and %d MB are free: %d of %d processes",
        needed / 1e6, free / 1e6, min(allowed, workers), workers,
    )  # fmt: skip
    return min(allowed, workers)


def picture_bytes(adapter: Adapter, records: Sequence[Record]) -> int:
    """Estimate the memory for the largest picture from a few that are read: headers would need a reader per kind."""
    places = np.unique(np.linspace(0, len(records) - 1, _PICTURES_READ).round().astype(int))
    pixels = [0]
    for place in places:
        with contextlib.suppress(Exception):  # its turn will come, and then it is said what is wrong with it
            shape = adapter.read_item(records[place], records[place].items[0]).array.shape
            pixels.append(shape[0] * shape[1])
    return _PIXEL_BYTES * max(pixels)


def subject_bytes(records: Sequence[Record], recipe: Recipe) -> int:
    """Estimate the memory for the largest volume, from the headers of a few subjects' files."""
    places = np.unique(np.linspace(0, len(records) - 1, _LOOKED_AT).round().astype(int))
    return max(_item_bytes(records[place].root, item, recipe) for place in places for item in records[place].items)


def _item_bytes(root: Path, item: Item, recipe: Recipe) -> int:
    """Return the bytes of the files' content, of channels in float32 where they are made, of a mask and of results."""
    content: dict[Path, int] = {}
    voxels = 0
    for source in item.files.values():
        sizes = {path: unpacked_size(path) for path in files_of(root, source)}
        content |= sizes
        # When the header cannot be right, every byte may be a voxel.
        told = int(np.prod(read_shape(next(iter(sizes)))[:3], dtype=float))
        voxels += told if 1 < told <= sum(sizes.values()) else sum(sizes.values())
    copies = 1 + 2 * (recipe.n4 or recipe.spacing is not None) + (recipe.plane not in (None, "axial"))
    results_bytes = 2 * int(np.prod(recipe.volume_size or (0,))) * len(item.files)
    return sum(content.values()) + 4 * copies * voxels + 2 * voxels // max(1, len(item.files)) + results_bytes
