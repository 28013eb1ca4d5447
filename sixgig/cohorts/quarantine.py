"""Inputs left out: collected with their reasons, written as quarantine.csv, and too many of them stop the study."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable
from pathlib import Path

import pandas as pd

from sixgig.cohorts.array_files import writing
from sixgig.cohorts.base import Rejection
from sixgig.cohorts.choosing import lost_subjects, too_many_lost
from sixgig.errors import PassingError, without_folders
from sixgig.tables.cohorts import QUARANTINE

_log = logging.getLogger(__name__)


class Quarantine:
    """The inputs of one cohort that cannot be used.

    Args:
        cohort: Name of the cohort, for the error message.
        path: The quarantine.csv to write when the cohort can be used.
        failed_path: Where the same list goes when it cannot.
        max_fraction: Largest fraction of subjects that may be lost.
    """

    def __init__(self, cohort: str, path: Path, failed_path: Path, max_fraction: float) -> None:
        self.cohort, self._path, self.failed_path, self._max_fraction = cohort, path, failed_path, max_fraction
        self.rejections: list[Rejection] = []
        self._lost: set[str] = set()

    def add(self, rejections: Iterable[Rejection], kept: Container[str | None] = ()) -> None:
        """Add further rejections and write each to the log.

        Args:
            rejections: Inputs that cannot be used.
            kept: Subjects of which something else can be used: they are not lost.
        """
        new = list(rejections)
        for rejection in new:
            _log.warning("quarantine: %s: %s", rejection.file, rejection.reason)
        self.rejections += new
        self._lost |= lost_subjects(new, kept)

    @property
    def n_subjects(self) -> int:
        """Subjects of which nothing is left. A rejected file that belongs to no known subject counts as one subject."""
        return len(self._lost)

    def write(self, *, failed: bool = False) -> None:
        """Write quarantine.csv, also when it is empty; ``failed`` says where to."""
        path = self.failed_path if failed else self._path
        frame = pd.DataFrame(
            [
                (without_folders(rejection.file), rejection.subject_id, without_folders(rejection.reason))
                for rejection in self.rejections
            ],
            columns=QUARANTINE.column_names,
        )
        with writing(path.parent):
            QUARANTINE.write(frame, path)

    def check(self, lost_fraction: float, n_subjects: int, *, stopped_early: bool = False) -> None:
        """Stop the study when more subjects were lost than allowed.

        Args:
            lost_fraction: Fraction of the cohort's subjects that is lost.
            n_subjects: Subjects looked at, for the message.
            stopped_early: The remaining subjects were not read.

        Raises:
            CohortError: ``lost_fraction`` is above the limit. The list was written to ``failed_path`` before.
        """
        if lost_fraction <= self._max_fraction:
            return
        self.write(failed=True)
        error = too_many_lost(
            self.failed_path,
            self.cohort,
            self.rejections,
            self.n_subjects,
            n_subjects,
            self._max_fraction,
            stopped_early=stopped_early,
        )
        raise error from self.passing()

    def passing(self) -> PassingError | None:
        """Return the error of an input that may be readable the next time; None when none may."""
        found = next((rejection for rejection in self.rejections if rejection.passing), None)
        return None if found is None else PassingError(found.file, found.reason, "connect the drive, or allow reading")
