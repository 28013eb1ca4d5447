"""Prepare a cohort, or leave files that say that it failed, so that the other cohorts of the study go on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.cohorts.faults import passing_fault
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.shards import Shard, with_shards
from sixgig.errors import PassingError, SixgigError
from sixgig.runtime.atomic import atomic_path, read_json, write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed
from sixgig.runtime.monitor import CostMeter
from sixgig.tables.cohorts import COPIES, MANIFEST, QUARANTINE, REMARKS

_log = logging.getLogger(__name__)


def cohort_status(error: SixgigError, n_cohorts: int) -> str:
    """Return an error of a cohort as its status, ``failed: reason``.

    Args:
        error: What is wrong with the cohort.
        n_cohorts: Cohorts of the study; without another one there is nothing to go on with.

    Raises:
        SixgigError: The error, when it is of the only cohort.
        PassingError: It may pass by itself, and is no outcome.
    """
    fault = passing_fault(error)
    if fault is not None:
        raise PassingError(error.place, error.reason, error.next_step) from fault
    status = as_outcome(error)
    if n_cohorts < 2:
        raise error
    _log.error("the cohort failed, the others go on", exc_info=error)
    say_failed(status)
    return status


def prepare_or_fail(
    source: Path,
    output: Path,
    options: Mapping[str, Any],
    *,
    image_size: int,
    n_cohorts: int,
    shards: Sequence[Shard] = (),
    **how: Any,
) -> None:
    """Prepare a cohort; when its data or its stanza do not allow it, leave its files without rows and say why.

    Args:
        source: source.json of the cohort.
        output: Folder of the cohort.
        options: The cohort's stanza in the study file.
        image_size: Side of the images in pixels.
        n_cohorts: See :func:`cohort_status`.
        shards: What other jobs have prepared of the cohort.
        how: Further arguments of :func:`sixgig.cohorts.preparation.prepare_cohort`.

    Raises:
        SixgigError: See :func:`cohort_status`.
    """
    how["failed_list"].unlink(missing_ok=True)
    with CostMeter("prepare") as meter:
        try:
            root = Path(read_json(source)["root"])
            prepare_cohort(
                options["adapter"], root, output, image_size=image_size, options=options, shards=shards, **how
            )
        except SixgigError as error:
            status = cohort_status(error, n_cohorts)
            _leave_failed(output, status, image_size, how["failed_list"], simulated=how["simulated"])
    facts = read_json(output / "cohort.json")
    own = {"title": options["title"] or facts["title"], "cost": with_shards(meter.cost().as_dict(), shards)}
    write_json(output / "cohort.json", facts | own)


def _leave_failed(output: Path, status: str, image_size: int, failed_list: Path, *, simulated: bool) -> None:
    """Write the files of a cohort that has no image; the list of bad files stays, as its quarantine."""
    empty: dict[str, np.ndarray] = {"images": np.zeros((0, image_size, image_size, 3), np.uint8)}
    empty["volumes"] = np.zeros((0,) * 5, np.float16)
    for name in empty:
        with atomic_path(output / f"{name}.npy") as partial, partial.open("wb") as stream:
            np.save(stream, empty[name])
    for table in (MANIFEST, COPIES, REMARKS):
        table.write(pd.DataFrame(columns=table.column_names), output / table.name)
    left_out = QUARANTINE.read(failed_list) if failed_list.exists() else pd.DataFrame(columns=QUARANTINE.column_names)
    QUARANTINE.write(left_out, output / QUARANTINE.name)
    own = {"cohort": output.name, "status": status, "title": output.name, "simulated": simulated}
    nothing = dict.fromkeys(("n_subjects", "n_images", "n_volumes", "n_unlabelled"), 0)
    write_json(output / "cohort.json", own | nothing)
