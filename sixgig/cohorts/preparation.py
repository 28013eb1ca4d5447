"""From a raw cohort to manifest.csv, images.npy, volumes.npy, copies.csv, quarantine.csv, remarks.csv, cohort.json."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sixgig.cohorts.array_files import writing
from sixgig.cohorts.base import Adapter, Record
from sixgig.cohorts.checks import check_classes
from sixgig.cohorts.choosing import choose_subjects
from sixgig.cohorts.describing import describe_cohort
from sixgig.cohorts.duplicates import settle_copies
from sixgig.cohorts.images import Filter
from sixgig.cohorts.inventory import Inventory, Stock, discover, next_attempt, read_inventory, take_stock
from sixgig.cohorts.journal import Journal
from sixgig.cohorts.leftovers import leftovers
from sixgig.cohorts.names import check_names, distinct_items
from sixgig.cohorts.options import read_options
from sixgig.cohorts.pictures import mixed_depths
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.cohorts.quarantine import Quarantine
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.remarks import Remarks
from sixgig.cohorts.shards import Shard, gather, preparation_key
from sixgig.cohorts.subject import prepare_subject
from sixgig.cohorts.treatment import STOP
from sixgig.cohorts.withdrawal import remove_derived
from sixgig.cohorts.workers import results
from sixgig.errors import CohortError
from sixgig.runtime.atomic import write_json
from sixgig.runtime.checkpoints import checkpoint_folder, drop
from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import COPIES, MANIFEST

_log = logging.getLogger(__name__)


def prepare_cohort(
    adapter_name: str,
    root: Path,
    output: Path,
    *,
    image_size: int,
    image_filter: Filter = "bicubic",
    image_crop: float | None = None,
    options: Mapping[str, Any],
    seed: int,
    max_quarantine_fraction: float,
    simulated: bool = False,
    workers: int = 1,
    checkpoints: Path | None = None,
    failed_list: Path | None = None,
    digest: str = "",
    inventory: Path | None = None,
    key_table: Path | None = None,
    shards: Sequence[Shard] = (),
) -> None:
    """Read a cohort and write its files, each whole or not at all.

    ``images.npy`` (uint8 [n_images, size, size, 3], row i is row i of ``manifest.csv``) and ``volumes.npy`` (float16
    [n_volumes, D, H, W, M], row i is the i-th volume_id in order of first appearance in the manifest) are streamed, so
    that memory holds one volume per worker. The result does not depend on ``workers``, nor on whether a run was killed
    in between.

    Args:
        adapter_name: Name in the registry of adapters.
        root: The raw cohort.
        output: Folder to write to; its name is the cohort's name in the config.
        image_size: Side of the square images in pixels.
        image_filter: How pictures are brought to that size.
        image_crop: Share of a picture's shorter side that is shown; None shows all of it, padded with black.
        options: The cohort's stanza of the study file, of which these keys are used: ``modalities`` (names in channel
            order; images show the first three), ``slices`` (``all``, ``{every: n}`` or ``{count: n}``), ``volume``
            (``{size: [D, H, W]}``; without: no rows), ``limit`` (stratified subset of this many subjects),
            ``partitions`` (equal parts of the slices, 4), ``classes``, ``geometry``, and ``n4``, ``spacing``,
            ``plane``, ``foreground``, ``normalise``, ``crop`` and ``crop_mm``, which are applied in this order;
            and ``duplicates`` and ``official_splits``.
        seed: Seed of the subset.
        max_quarantine_fraction: Largest fraction of subjects that may be lost to unusable inputs.
        simulated: The cohort was generated, not acquired; kept in cohort.json for the report.
        workers: Maximum number of processes; fewer are used when memory is short.
        checkpoints: Where finished subjects are kept until all are finished; next to the output when None. A killed run
            continues after them, unless options, ``digest`` or their files have changed.
        failed_list: Where the list of inputs left out goes when the cohort cannot be used, instead of quarantine.csv;
            quarantine.csv in the output when None.
        digest: Digest of the source code that prepares the subjects.
        inventory: Where to write down what the cohort was prepared from; see :class:`Inventory`. Of subjects that an
            earlier one holds and that are gone, nothing stays in the study's folder, which is then two levels above
            the output. With it, finished subjects are kept for the next preparation, unless pseudonyms hide them.
        key_table: Where to write which pseudonym stands for whom; None: subjects and files keep their names.
        shards: What other jobs have prepared of the cohort; none where this job prepares all of it.

    Raises:
        ConfigError: An option is wrong; the place is its config key.
        CohortError: The cohort is not where the config says, is empty, or lost too many subjects (``failed_list``
            is written in that case), holds nothing but copies that contradict each other, or the disk is full.
    """
    root, output = Path(root), Path(output)
    cohort = output.name
    adapter, recipe, limit = read_options(adapter_name, cohort, options, image_size)
    recipe = replace(recipe, image_filter=image_filter, image_crop=image_crop)
    quarantine = Quarantine(cohort, listed := output / "quarantine.csv", failed_list or listed, max_quarantine_fraction)
    remarks = Remarks(output / "remarks.csv")
    found = _find(adapter, root, quarantine, remarks)
    records = choose_subjects(found.records, options, limit, seed, f"cohorts.{cohort}")
    check_classes(records, options, f"cohorts.{cohort}")
    _log.info("cohort %s: %d subjects of %d found in %s", cohort, len(records), found.n_subjects, root)
    key = preparation_key(adapter, recipe, digest)
    image_row = (image_size, image_size, 3)
    volume_row = (*(recipe.volume_size or (0, 0, 0)), len(adapter.modalities))
    checkpoints = checkpoints or output.parent / ".checkpoints"
    with writing(checkpoints):
        folder = checkpoint_folder(checkpoints, f"prepare-{cohort}", key)
    if shards:
        gather(folder, shards, image_row, volume_row)
    with Journal(folder, records, image_row, volume_row) as journal:
        _prepare_all(adapter, records, recipe, workers, journal, quarantine, remarks, found)
        rows, n_bytes = journal.publish(output)
        again = tuple(rejection.file for rejection in quarantine.rejections if rejection.passing)
        mixed = mixed_depths(rows, remarks.remarks)
        if key_table is not None:
            rows = _without_names(Pseudonyms(key_table), rows, quarantine, remarks)
        remarks.add(mixed)
        settled = settle_copies(
            rows, np.load(output / "images.npy", mmap_mode="r"), cohort=cohort,
            policy=options.get("duplicates") or STOP,
            hold_out=bool(options.get("official_splits")),
            per_image=adapter.options.get("labels_of") == "image",
        )  # fmt: skip
        if len(settled.rows) < len(rows):
            _, n_bytes = journal.publish(output, settled.kept.tolist())
    with writing(output):
        COPIES.write(settled.table, output / "copies.csv")
        manifest = pd.DataFrame(settled.rows, columns=MANIFEST.column_names)
        MANIFEST.write(manifest, output / "manifest.csv")
        quarantine.write()
        remarks.write()
        own = {
            "cohort": cohort, "simulated": simulated, "n_quarantined": quarantine.n_subjects,
            "n_unmatched": found.n_unmatched, "remarks": remarks.counts, "pseudonyms": key_table is not None,
            "copies": settled.facts, "bytes": n_bytes,
        }  # fmt: skip
        write_json(output / "cohort.json", own | describe_cohort(manifest, adapter, recipe, cohort))
        if inventory is not None:
            _take_inventory(inventory, found, again, output)
    if inventory is None or key_table is not None or len(settled.rows) < len(rows):  # a journal names patients
        drop(folder)
    else:
        journal.keep(output)


class _Found(NamedTuple):
    """What was found in a cohort's folder before any image is read.

    Attributes:
        stock: The files.
        records: Subjects that can be used, under names that are unique.
        labels: Classes of every subject that was found, before ``classes`` and ``limit``.
        listed: Subjects that were found, those that cannot be used too.
        n_lost: Subjects that cannot be used.
        n_unmatched: Ids of a table of labels that are no subjects.
    """

    stock: Stock
    records: list[Record]
    labels: dict[str, str | None]
    listed: set[str | None]
    n_lost: int
    n_unmatched: int

    @property
    def n_subjects(self) -> int:
        """Subjects that were found."""
        return len(self.records) + self.n_lost


def _find(adapter: Adapter, root: Path, quarantine: Quarantine, remarks: Remarks) -> _Found:
    """List the subjects; what is left out goes to the quarantine, what is to be known to the remarks."""
    place = f"cohorts.{quarantine.cohort}.source"
    problems = adapter.missing(root)
    if problems:
        raise CohortError(place, "; ".join(problems), f"set this key of the study file to {adapter.layout}")
    stock = take_stock(adapter, root)  # before anything is read: what changes meanwhile is seen by the next run
    found = discover(adapter, stock)
    quarantine.add(found.rejections, {record.subject_id for record in found.records})
    records = distinct_items(found.records)
    remarks.add([*found.remarks, *check_names(records, place), *leftovers(adapter, root, found)])
    labels = {record.subject_id: record.classes for record in found.records}
    listed = labels.keys() | {rejection.subject_id for rejection in found.rejections}
    there = _Found(stock, records, labels, listed, quarantine.n_subjects, len(found.unmatched))
    if not there.n_subjects:
        raise CohortError(place, f"{root} holds no subjects", f"set this key of the study file to {adapter.layout}")
    quarantine.check(there.n_lost / there.n_subjects, there.n_subjects)
    return there


def _without_names(
    names: Pseudonyms, rows: list[dict[str, Any]], quarantine: Quarantine, remarks: Remarks
) -> list[dict[str, Any]]:
    """Put pseudonyms into everything that is written from here on; return the rows of manifest.csv."""
    hidden = names.manifest_rows(rows)
    quarantine.rejections = names.rejections(quarantine.rejections)
    remarks.remarks = names.remarks(remarks.remarks)
    names.write()
    return hidden


def _take_inventory(path: Path, found: _Found, again: tuple[str, ...], output: Path) -> None:
    """Write down what the cohort was prepared from, after what is left of subjects that are gone was removed."""
    before = read_inventory(path)
    gone = set(before.labels) - found.listed if before else set()
    if gone:
        remove_derived(output.parents[1], output.name, len(gone))
    stock = found.stock
    Inventory(stock.state, stock.files, found.labels, again, next_attempt(before, stock)).write(path)


def _prepare_all(
    adapter: Adapter,
    records: list[Record],
    recipe: Recipe,
    workers: int,
    journal: Journal,
    quarantine: Quarantine,
    remarks: Remarks,
    found: _Found,
) -> None:
    """Prepare every subject that the journal does not hold yet; too many that cannot be used stop the cohort."""
    n_unusable = 0
    todo = [record for index, record in enumerate(records) if not journal.holds(index)]
    if journal.n_kept:
        _log.info("continuing after %d subjects that an earlier run prepared", journal.n_kept)
    with Progress(f"prepare {quarantine.cohort}", len(records), "subjects", done=journal.n_kept) as progress:
        fresh = results(prepare_subject, adapter, todo, recipe, workers)
        for index in range(len(records)):
            if not journal.holds(index):
                journal.add(index, next(fresh))
                progress.advance()
            still = () if journal.is_lost(index) else (records[index].subject_id,)
            quarantine.add(journal.rejections(index), still)
            remarks.add(journal.remarks(index))
            if journal.is_lost(index):
                n_unusable += 1
                # Subjects lost before reading and subjects lost while reading, of those that `limit` leaves.
                kept = (1 - found.n_lost / found.n_subjects) * (1 - n_unusable / len(records))
                quarantine.check(1 - kept, found.n_lost + len(records), stopped_early=index + 1 < len(records))
    if n_unusable == len(records):
        quarantine.write(failed=True)
        raise CohortError(
            quarantine.rejections[-1].file,
            f"no subject of cohort {quarantine.cohort} can be used",
            f"repair the files listed in {quarantine.failed_path}",
        ) from quarantine.passing()
