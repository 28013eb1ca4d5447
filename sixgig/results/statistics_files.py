"""What reads the tables under ``statistics/`` of a study has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import pandas as pd

from sixgig.tables.format import Table




class StatisticsFiles(ABC):
    """Reads tables under ``statistics/``; see :class:`sixgig.results.study.Study`.

    Attributes:
        folder: The study's folder.
    """

    folder: Path

    def _statistics(self, table: Table) -> pd.DataFrame:
        return self._table(table, self.folder / "statistics" / table.name)

    @abstractmethod
    def _table(self, table: Table, path: Path) -> pd.DataFrame:
        """Read and check a table."""
