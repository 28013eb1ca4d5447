"""The part of a study's results that compares methods over cohorts, or what they cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import pandas as pd

from sixgig import tables


class OverCohortsFiles(ABC):
    """Reads ``statistics/`` of a study, as far as it looks over cohorts or at costs; see :class:`sixgig.study.Study`.

    Attributes:
        folder: The study's folder.
    """

    folder: Path

    @cached_property
    def omnibus(self) -> pd.DataFrame:
        """``statistics/omnibus.csv``: do the methods differ over the cohorts."""
        return self._table(tables.OMNIBUS, self.folder / "statistics" / "omnibus.csv")

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """``statistics/ranks.csv``: average ranks of the methods over the cohorts."""
        return self._table(tables.RANKS, self.folder / "statistics" / "ranks.csv")

    @cached_property
    def factors(self) -> pd.DataFrame:
        """``statistics/factors.csv``: what arm and classifier explain of the variance between methods."""
        return self._table(tables.FACTORS, self.folder / "statistics" / "factors.csv")

    @cached_property
    def budget(self) -> pd.DataFrame:
        """``statistics/budget.csv``: what the estimate of every method took."""
        return self._table(tables.BUDGET, self.folder / "statistics" / "budget.csv")

    @abstractmethod
    def _table(self, table: tables.Table, path: Path) -> pd.DataFrame:
        """Read and check a table."""
