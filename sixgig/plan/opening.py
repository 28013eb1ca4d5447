"""From study files to a checked plan: what `snakemake` and the `sixgig` command both do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.errors import PlaceError
from sixgig.plan.early import check_early
from sixgig.plan.inputs import BLIND
from sixgig.plan.plan import Plan
from sixgig.plan.study_file import read_study


def open_plan(
    files: Sequence[Path],
    entries: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    *,
    with_conda: bool = False,
    look: bool = True,
    jobs_here: bool = True,
) -> Plan:
    """Read a study and check it.

    Args:
        files: The study files; each is merged into those before it.
        entries: What follows ``--config``.
        given: What Snakemake read of all this.
        with_conda: Whether Snakemake builds the environments with conda.
        look: Whether to look at data, weights and the card too. Jobs that Snakemake starts read the study again and
            need not: the process that started them has. Nothing is looked at where
            :data:`sixgig.plan.inputs.BLIND` is in the environment.
        jobs_here: Whether jobs run on this machine, so that its card is theirs.

    Raises:
        SixgigError: Something is wrong with the study; the place has file and line where they are known.
    """
    look = look and BLIND not in os.environ
    study = read_study(files, entries, given)
    try:
        with study.locating():
            plan = Plan(study.config, with_conda, study, look)
            if look:
                check_early(plan, study, jobs_here)
    except OSError as error:  # a folder of a cohort that an adapter may not list, a drive that fails
        place = error.filename or f"study {study.config.get('study', '')}"
        step = "correct its permissions, connect the drive, or name another place in the study file"
        raise PlaceError(place, f"cannot be used: {error.strerror or error}", step) from None
    return plan
