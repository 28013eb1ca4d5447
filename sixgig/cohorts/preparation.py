"""From a raw cohort to manifest.csv, images.npy, volumes.npy, quarantine.csv and cohort.json."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.atomic import atomic_path, write_json
from sixgig.cohorts.array_stream import ArrayStream
from sixgig.cohorts.base import Adapter, Record, Rejection
from sixgig.cohorts.options import Recipe, read_options
from sixgig.cohorts.quarantine import Quarantine
from sixgig.cohorts.selection import stratified_subset
from sixgig.cohorts.subject import PreparedSubject, prepare_subject
from sixgig.errors import CohortError
from sixgig.progress import Progress
from sixgig.tables import MANIFEST

_log = logging.getLogger(__name__)


def prepare_cohort(
    adapter_name: str,
    root: Path,
    output: Path,
    *,
    image_size: int,
    options: Mapping[str, Any],
    seed: int,
    max_quarantine_fraction: float,
    simulated: bool = False,
    workers: int = 1,
) -> None:
    """Read a cohort and write its files, each whole or not at all.

    ``images.npy`` (uint8 [n_images, size, size, 3], row i is row i of ``manifest.csv``) and ``volumes.npy`` (float16
    [n_volumes, D, H, W, M], row i is the i-th volume_id in order of first appearance in the manifest) are streamed, so
    that memory holds one volume per worker. The result does not depend on ``workers``.

    Args:
        adapter_name: Name in the registry of adapters.
        root: The raw cohort.
        output: Folder to write to; its name is the cohort's name in the config.
        image_size: Side of the square images in pixels.
        options: The cohort's stanza of the study file, of which these keys are used: ``modalities`` (names in channel
            order; images show the first three), ``slices`` (``all``, ``{every: n}`` or ``{count: n}``), ``volume``
            (``{size: [D, H, W]}``; without: no rows), ``limit`` (stratified subset of this many subjects),
            ``partitions`` (equal axial parts, 4) and ``crop_mm`` (in-plane centre crop).
        seed: Seed of the subset.
        max_quarantine_fraction: Largest fraction of subjects that may be lost to unusable inputs.
        simulated: The cohort was generated, not acquired; kept in cohort.json for the report.
        workers: Processes.

    Raises:
        ConfigError: An option is wrong; the place is its config key.
        CohortError: The cohort is not where the config says, is empty, or lost too many subjects (quarantine.csv is
            written in that case).
    """
    root, output = Path(root), Path(output)
    cohort = output.name
    adapter, recipe, limit = read_options(adapter_name, cohort, options, image_size)
    problems = adapter.missing(root)
    if problems:
        raise CohortError(
            f"cohorts.{cohort}.source", "; ".join(problems), f"set this key of the study file to {adapter.layout}"
        )
    found = adapter.discover(root)
    quarantine = Quarantine(cohort, output / "quarantine.csv", max_quarantine_fraction)
    quarantine.add(found.rejections)
    n_lost = quarantine.n_subjects
    n_found = len(found.records) + n_lost
    if not n_found:
        raise CohortError(
            f"cohorts.{cohort}.source",
            f"{root} holds no subjects",
            f"set this key of the study file to {adapter.layout}",
        )
    quarantine.check(n_lost / n_found, n_found)
    records = found.records
    if limit is not None:
        records = [records[index] for index in stratified_subset([record.label for record in records], limit, seed)]
    _log.info("cohort %s: %d subjects of %d found in %s", cohort, len(records), n_found, root)

    rows: list[dict[str, Any]] = []
    with ExitStack() as files:
        images = _open_array(files, output / "images.npy", (image_size, image_size, 3), np.uint8)
        volume_shape = (*(recipe.volume_size or (0, 0, 0)), len(adapter.modalities))
        volumes = _open_array(files, output / "volumes.npy", volume_shape, np.float16)
        progress = files.enter_context(Progress(f"prepare {cohort}", len(records), "subjects"))
        n_failed = 0
        for n_done, result in enumerate(_prepare_all(adapter, records, recipe, workers), start=1):
            progress.advance()
            if isinstance(result, Rejection):
                n_failed += 1
                quarantine.add([result])
                # Subjects lost at first sight and subjects lost while reading, of those that `limit` leaves.
                kept = (1 - n_lost / n_found) * (1 - n_failed / len(records))
                quarantine.check(1 - kept, n_lost + len(records), stopped_early=n_done < len(records))
                continue
            rows += result.rows
            images.append(np.stack(result.images))
            if recipe.volume_size is not None:
                volumes.append(np.stack(result.volumes))
        if not rows:
            quarantine.write()
            raise CohortError(
                quarantine.rejections[-1].file,
                f"no subject of cohort {cohort} can be used",
                "repair the files in the log",
            )
    manifest = pd.DataFrame(rows, columns=MANIFEST.column_names)
    MANIFEST.write(manifest, output / "manifest.csv")
    quarantine.write()
    labels = manifest.groupby("subject_id", sort=False)["label"].first()
    classes = Counter(labels.dropna())
    write_json(
        output / "cohort.json",
        {
            "cohort": cohort,
            "adapter": adapter.name,
            "title": adapter.title,
            "dimensions": adapter.dimensions,
            "subject_note": adapter.subject_note,
            "simulated": simulated,
            "modalities": list(adapter.modalities),
            "image_size": image_size,
            "volume_size": None if recipe.volume_size is None else list(recipe.volume_size),
            "n_subjects": len(labels),
            "n_unlabelled": int(labels.isna().sum()),
            "n_images": images.n_rows,
            "n_volumes": int(manifest["volume_id"].nunique()),
            "n_quarantined": quarantine.n_subjects,
            "classes": {name: classes[name] for name in sorted(classes)},
            "bytes": images.n_bytes + volumes.n_bytes,
        },
    )


def _open_array(files: ExitStack, path: Path, row_shape: tuple[int, ...], dtype: type) -> ArrayStream:
    partial = files.enter_context(atomic_path(path))
    return files.enter_context(ArrayStream(partial, row_shape, dtype))


def _prepare_all(
    adapter: Adapter, records: list[Record], recipe: Recipe, workers: int
) -> Iterator[PreparedSubject | Rejection]:
    """Yield the subjects in order, prepared in ``workers`` processes."""
    if workers <= 1 or len(records) <= 1:
        yield from (prepare_subject(adapter, record, recipe) for record in records)
        return
    import joblib

    # An image of a 2D cohort takes milliseconds: many in one message, or the messages take longer than the work.
    batch_size = 1 if adapter.dimensions == 3 else 32
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(
            n_jobs=min(workers, len(records)), return_as="generator", batch_size=batch_size, pre_dispatch="2*n_jobs"
        )
        yield from parallel(joblib.delayed(prepare_subject)(adapter, record, recipe) for record in records)
