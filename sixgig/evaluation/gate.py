"""Split a cohort and check its splits, or write down why that is not possible: nothing is computed on it then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.arms.pooling import check_pooling
from sixgig.cohorts.outcome import cohort_status
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.errors import SixgigError
from sixgig.evaluation.classes import positive_class
from sixgig.evaluation.labelled import require_enough
from sixgig.evaluation.leakage import check_leakage
from sixgig.evaluation.splits import make_splits, read_own_splits
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.jobs import say_left_out
from sixgig.runtime.outcomes import failed_status
from sixgig.tables.cohorts import MANIFEST, SPLITS


def split_or_fail(split: Callable[[], pd.DataFrame], before: Path, splits: Path, facts: Path, n_cohorts: int) -> None:
    """Write the splits of a cohort, without rows when it failed before or cannot be split.

    Args:
        split: Returns rows of splits.csv.
        before: cohort.json.
        splits: Output, splits.csv.
        facts: Output, splits.json: ``status`` is ``ok`` or ``failed: reason``.
        n_cohorts: Cohorts of the study; the failure of the only one is raised.

    Raises:
        SixgigError: See :func:`sixgig.cohorts.outcome.cohort_status`.
    """
    table = pd.DataFrame(columns=SPLITS.column_names)
    status = _before(before)
    if not status:
        try:
            table = split()
        except SixgigError as error:
            status = cohort_status(error, n_cohorts)
    SPLITS.write(table, splits)
    write_json(facts, {"status": status or "ok"})


def check_or_fail(check: Callable[[], dict[str, Any]], before: Path, gate: Path, n_cohorts: int) -> None:
    """Write what the leakage gate found, or that the cohort failed: then there is no metric on it.

    Args:
        check: Returns what the gate found.
        before: splits.json.
        gate: Output, leakage.json; ``status`` stands in it when the cohort failed.
        n_cohorts: See :func:`split_or_fail`.

    Raises:
        SixgigError: See :func:`sixgig.cohorts.outcome.cohort_status`.
    """
    status = _before(before)
    if not status:
        try:
            write_json(gate, check())
            return
        except SixgigError as error:
            status = cohort_status(error, n_cohorts)
    write_json(gate, {"passed": False, "status": status})


def split_subjects(
    cohort: str,
    manifest: Path,
    draw: Mapping[str, Any],
    positive: str | None,
    given: Path | None,
    key_table: Path | None,
    asked: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the splits of a cohort: those that the user gives, or drawn ones.

    Args:
        cohort: Name of the cohort.
        manifest: Its manifest.csv.
        draw: Arguments of :func:`sixgig.evaluation.splits.make_splits`.
        positive: The positive class, where the study file names one.
        given: The user's own splits; None draws them.
        key_table: Table of pseudonyms, for a cohort that has some.
        asked: What later jobs will ask of the cohort: ``fractions`` of the labels, ``inner_folds``, and of which units
            (``image``, ``volume``) features are to be concatenated, ``concat``.

    Raises:
        SixgigError: The positive class does not exist, the cohort cannot be split so, or it cannot give what is asked.
    """
    images = MANIFEST.read(manifest)
    if positive is not None:  # a misspelt class stops the study here and not after all arms have run
        positive_class(tuple(images["label"].dropna().unique()), positive, f"cohorts.{cohort}.positive")
    for unit in asked["concat"]:
        rows = images.dropna(subset="volume_id").drop_duplicates("volume_id") if unit == "volume" else images
        check_pooling(rows, "concat", draw["labels_of"])
    if given is None:
        splits = make_splits(images, **draw)
    else:
        rename = None if key_table is None else Pseudonyms(key_table).subject
        wanted = {name: draw[name] for name in ("folds", "repeats", "labels_of")}
        splits = read_own_splits(given, images, rename=rename, **wanted)
    require_enough(splits, asked["fractions"], draw["seed"], asked["inner_folds"], draw["labels_of"], cohort)
    return splits


def check_files(
    manifest: Path, splits: Path, images: Path, volumes: Path, duplicates: str, labels_of: str
) -> dict[str, Any]:
    """Return what the leakage gate finds in the files of a cohort; see :func:`check_leakage`."""
    return check_leakage(
        MANIFEST.read(manifest), SPLITS.read(splits), np.load(images, mmap_mode="r"), labels_of,
        n_volumes=len(np.load(volumes, mmap_mode="r")), duplicates=duplicates,
    )  # fmt: skip


def _before(facts: Path) -> str:
    """Return the status with which the cohort failed in an earlier job; empty when it did not."""
    status = failed_status(read_json(facts))
    if status:
        say_left_out("the cohort failed, see its own line")
    return status
