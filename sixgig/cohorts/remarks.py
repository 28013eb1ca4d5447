"""What is to be known of inputs that were used, and of files that were passed over: collected, logged and written."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sixgig.cohorts.array_files import writing
from sixgig.cohorts.base import Remark
from sixgig.errors import without_folders
from sixgig.tables.cohorts import REMARKS

_log = logging.getLogger(__name__)


class Remarks:
    """The remarks on one cohort.

    Args:
        path: The remarks.csv to write.

    Attributes:
        remarks: All of them, in the order of remarks.csv.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.remarks: list[Remark] = []

    def add(self, remarks: Iterable[Remark]) -> None:
        """Add further remarks."""
        self.remarks += remarks

    @property
    def counts(self) -> dict[str, int]:
        """How many remarks of each kind there are, sorted by kind."""
        return dict(sorted(Counter(remark.kind for remark in self.remarks).items()))

    def write(self) -> None:
        """Write remarks.csv, also when it is empty, and one line to the log for each thing that was said."""
        said = Counter((remark.kind, remark.text) for remark in self.remarks)
        first = {(remark.kind, remark.text): remark.file for remark in reversed(self.remarks)}
        for (kind, text), number in said.items():
            others = f", and {number - 1} more like it" if number > 1 else ""
            level = logging.INFO if kind == "not read" else logging.WARNING
            _log.log(level, "%s: %s: %s%s", kind, first[kind, text], text, others)
        frame = pd.DataFrame(
            [
                (without_folders(remark.file), remark.subject_id, remark.kind, without_folders(remark.text))
                for remark in self.remarks
            ],
            columns=REMARKS.column_names,
        )
        with writing(self._path.parent):
            REMARKS.write(frame, self._path)
