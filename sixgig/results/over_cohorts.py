"""The part of a study's results that compares methods over cohorts, or what they cost."""

from __future__ import annotations

from functools import cached_property

import pandas as pd


from sixgig.tables.budget import BUDGET
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.results.statistics_files import StatisticsFiles


class OverCohortsFiles(StatisticsFiles):
    """Reads what ``statistics/`` says over cohorts, and about costs; see :class:`sixgig.results.study.Study`."""

    @cached_property
    def omnibus(self) -> pd.DataFrame:
        """``statistics/omnibus.csv``: do the methods differ over the cohorts."""
        return self._statistics(OMNIBUS)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """``statistics/ranks.csv``: average ranks of the methods over the cohorts."""
        return self._statistics(RANKS)

    @cached_property
    def factors(self) -> pd.DataFrame:
        """``statistics/factors.csv``: what arm and classifier explain of the variance between methods."""
        return self._statistics(FACTORS)

    @cached_property
    def budget(self) -> pd.DataFrame:
        """``statistics/budget.csv``: what the estimate of every method took."""
        return self._statistics(BUDGET)
