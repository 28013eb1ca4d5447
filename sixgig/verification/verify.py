"""All checks of a study, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.results.study import Study
from sixgig.verification.agreement import check_exports, check_figures, check_report, check_tables
from sixgig.verification.findings import DAMAGE, ERROR, Finding, reason_of
from sixgig.verification.gates import check_gate, check_splits
from sixgig.verification.hashes import check_hashes, check_own_features
from sixgig.verification.versions import check_versions


def verify_study(folder: Path, quick: bool = False, threads: int | None = None) -> Iterator[Finding]:
    """Check a study's outputs; nothing is written.

    Args:
        folder: The study's folder, ``results/<study>``.
        quick: Leave out what computes tables and report again.
        threads: Processes that may compute at a time; all cores when None.

    Yields:
        What the checks find, as they find it. A check that cannot go on is an error.

    Raises:
        SixgigError: There is no such folder.
    """
    study = Study(folder)
    for name, check in _checks(study, quick, threads or os.cpu_count() or 1):
        try:
            yield from check()
        except DAMAGE as error:
            yield Finding(name, ERROR, f"cannot be checked: {reason_of(error)}")


def _checks(study: Study, quick: bool, threads: int) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    yield "hashes", partial(check_hashes, study.folder)
    try:
        cohorts = list(study.config["cohorts"])
    except (SixgigError, KeyError):
        cohorts = []
    yield "hashes", partial(check_own_features, study)
    yield "study", partial(_check_config, study)
    for cohort in cohorts:
        yield "splits", partial(check_splits, study, cohort)
        yield "gate", partial(check_gate, study, cohort)
    yield "figures", partial(check_figures, study)
    if not quick:
        yield "tables", partial(check_tables, study, threads)
        yield "tables", partial(check_exports, study)
        yield "report", partial(check_report, study)
    yield "versions", partial(check_versions, study)


def _check_config(study: Study) -> Iterator[Finding]:
    if not study.config.get("cohorts"):
        yield Finding("study", ERROR, "study.json names no cohorts", "study.json")
