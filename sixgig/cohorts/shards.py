"""One of several jobs that prepare a cohort side by side: each leaves a journal of its subjects, and the rows of them.

The job that gathers them goes on as one does after a killed run: what the journals hold is done, and is checked as
there. So the files of a cohort do not depend on the number of its shards.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.array_files import writing
from sixgig.cohorts.array_stream import ArrayStream
from sixgig.cohorts.base import Adapter, Record
from sixgig.cohorts.choosing import choose_subjects
from sixgig.cohorts.faults import passing_fault
from sixgig.cohorts.images import Filter
from sixgig.cohorts.inventory import discover, take_stock
from sixgig.cohorts.journal import IMAGES, LINES, VOLUMES, Journal
from sixgig.cohorts.names import distinct_items
from sixgig.cohorts.options import read_options
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import prepare_subject
from sixgig.cohorts.workers import results
from sixgig.errors import PassingError, SixgigError
from sixgig.runtime.atomic import read_json, write_json, write_text
from sixgig.runtime.checkpoints import checkpoint_folder, drop
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.progress import Progress
from sixgig.runtime.versions import reading_versions

#: Rows that are copied at once.
_BLOCK = 64
_log = logging.getLogger(__name__)


class Shard(NamedTuple):
    """Files of one shard.

    Attributes:
        lines: Its journal, a line per subject.
        images: Its rows of images.npy.
        volumes: Its rows of volumes.npy.
        facts: What it took, as JSON.
    """

    lines: Path
    images: Path
    volumes: Path
    facts: Path


def members(n: int, shard: int, of: int) -> range:
    """Return the places of the subjects of a shard, which are neighbours.

    Args:
        n: Number of subjects.
        shard: Which shard, from 1.
        of: Number of shards.
    """
    return range(n * (shard - 1) // of, n * shard // of)


def preparation_key(adapter: Adapter, recipe: Recipe, digest: str) -> dict[str, Any]:
    """Return all that decides the rows of a subject, beside its files."""
    return {
        "recipe": asdict(recipe), "adapter": adapter.name, "modalities": adapter.modalities,
        "options": adapter.options, "digest": digest, "versions": reading_versions(),
    }  # fmt: skip


def prepare_shard(
    source: Path,
    cohort: str,
    options: Mapping[str, Any],
    output: Shard,
    *,
    shard: int,
    of: int,
    image_size: int,
    image_filter: Filter,
    image_crop: float | None,
    seed: int,
    workers: int,
    checkpoints: Path,
    digest: str,
) -> None:
    """Prepare the subjects of a shard.

    What is wrong with the whole cohort is left to the job that gathers: it finds the same, and says it.

    Args:
        source: source.json of the cohort.
        cohort: Name of the cohort.
        options: Its stanza.
        output: Files to write.
        shard: Which shard, from 1.
        of: Number of shards.
        image_size: See :func:`sixgig.cohorts.preparation.prepare_cohort`, as for all that follow.
        image_filter: Likewise.
        image_crop: Likewise.
        seed: Likewise.
        workers: Likewise.
        checkpoints: Likewise.
        digest: Likewise.

    Raises:
        PassingError: Files cannot be reached at the moment.
    """
    adapter, recipe, limit = read_options(options["adapter"], cohort, options, image_size)
    recipe = replace(recipe, image_filter=image_filter, image_crop=image_crop)
    with CostMeter("prepare") as meter:
        try:
            records = _chosen(adapter, Path(read_json(source)["root"]), options, limit, seed, cohort)
        except SixgigError as error:
            fault = passing_fault(error)
            if fault is not None:
                raise PassingError(error.place, error.reason, error.next_step) from fault
            _log.error("nothing of the cohort can be prepared, as the job that gathers the shards will say: %s", error)
            records = []
        own = [records[place] for place in members(len(records), shard, of)]
        folder = checkpoint_folder(checkpoints, f"prepare-{cohort}.{shard}", preparation_key(adapter, recipe, digest))
        volume_row = (*(recipe.volume_size or (0, 0, 0)), len(adapter.modalities))
        with Journal(folder, own, (image_size, image_size, 3), volume_row) as journal:
            todo = [record for index, record in enumerate(own) if not journal.holds(index)]
            fresh = results(prepare_subject, adapter, todo, recipe, workers)
            label = f"prepare {cohort}, shard {shard} of {of}"
            with Progress(label, len(own), "subjects", done=journal.n_kept) as progress:
                for index in range(len(own)):
                    if not journal.holds(index):
                        journal.add(index, next(fresh))
                        progress.advance()
    with writing(output.lines):
        output.lines.parent.mkdir(parents=True, exist_ok=True)
        for name, path in ((LINES, output.lines), (IMAGES, output.images), (VOLUMES, output.volumes)):
            os.replace(folder / name, path)
        write_json(output.facts, meter.cost().as_dict())
    drop(folder)


def gather(folder: Path, shards: Sequence[Shard], image_row: tuple[int, ...], volume_row: tuple[int, ...]) -> None:
    """Make the journal of a cohort from those of its shards, in the place of whatever was there.

    Args:
        folder: Where the journal of the cohort grows.
        shards: The files of the shards, in order.
        image_row: Shape of a row of images.npy.
        volume_row: Shape of a row of volumes.npy.

    Raises:
        CohortError: The folder cannot be written to.
    """
    with writing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, row, dtype in ((IMAGES, image_row, np.uint8), (VOLUMES, volume_row, np.float16)):
            parts = [shard.images if name == IMAGES else shard.volumes for shard in shards]
            _join(parts, folder / name, row, dtype)
        write_text(folder / LINES, "".join(shard.lines.read_text(encoding="utf-8") for shard in shards))


def with_shards(cost: Mapping[str, Any], shards: Sequence[Shard]) -> dict[str, Any]:
    """Return what a cohort took: the seconds of all shards and of the job that gathered them, and the highest peak."""
    found = [cost, *(read_json(shard.facts) for shard in shards)]
    return {
        **cost,
        "seconds": sum(float(one["seconds"]) for one in found),
        "peak_rss_mb": max(float(one["peak_rss_mb"]) for one in found),
    }


def _chosen(
    adapter: Adapter, root: Path, options: Mapping[str, Any], limit: int | None, seed: int, cohort: str
) -> list[Record]:
    found = discover(adapter, take_stock(adapter, root))
    return choose_subjects(distinct_items(found.records), options, limit, seed, f"cohorts.{cohort}")


def _join(parts: Sequence[Path], path: Path, row: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    with ArrayStream(path, row, dtype) as whole:
        for part in parts:
            rows = np.load(part, mmap_mode="r")
            for start in range(0, len(rows), _BLOCK):
                whole.append(rows[start : start + _BLOCK])
