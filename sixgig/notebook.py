"""What notebooks use: the results of a study, with its figures as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.errors import SixgigError
from sixgig.figures.catalogue import draw_figure
from sixgig.results import study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Study(study.Study):
    """The results of one study, with figures; see :class:`sixgig.results.study.Study` for tables and files.

    Args:
        folder: The study's folder, ``results/<study>``.

    Raises:
        SixgigError: The folder does not exist.
    """

    def figure(self, cohort: str, kind: str) -> Figure:
        """Draw a figure anew, as a matplotlib object to change and save.

        Args:
            cohort: The cohort.
            kind: Name of a figure of one cohort, such as ``intervals``.

        Raises:
            SixgigError: There is no such cohort or figure.
        """
        if cohort not in self.cohorts:
            raise SixgigError(
                self.folder, f"there is no cohort {cohort!r} in summary.csv", f"use one of {', '.join(self.cohorts)}"
            )
        return draw_figure(self, kind, cohort)

    def figure_over_cohorts(self, kind: str) -> Figure:
        """Draw a figure over all cohorts anew, as a matplotlib object to change and save.

        Args:
            kind: Name of a figure over all cohorts, such as ``critical_difference``.

        Raises:
            SixgigError: There is no such figure.
        """
        return draw_figure(self, kind)
