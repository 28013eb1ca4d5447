"""Panels of arms (columns) and classifiers (rows) that stay readable when there are many arms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

#: Panels side by side of which titles and numbers stay readable on a page.
_ABREAST = 7
_COLUMNS = 6


class Panels(NamedTuple):
    """Where the panel of an arm and a classifier stands: many arms stand in several blocks below each other.

    Attributes:
        n_arms: Arms.
        n_classifiers: Classifiers, the rows of a block.
        columns: Panels side by side.
        blocks: Blocks below each other.
    """

    n_arms: int
    n_classifiers: int
    columns: int
    blocks: int

    @classmethod
    def of(cls, n_arms: int, n_classifiers: int) -> Panels:
        """Arrange panels: one block where there is room, else blocks of about equally many arms."""
        blocks = 1 if n_arms <= _ABREAST else math.ceil(n_arms / _COLUMNS)
        return cls(n_arms, n_classifiers, math.ceil(n_arms / blocks), blocks)

    @property
    def rows(self) -> int:
        """Rows of panels."""
        return self.blocks * self.n_classifiers

    def place(self, arm: int, classifier: int) -> tuple[int, int]:
        """Return row and column of a panel.

        Args:
            arm: Number of the arm.
            classifier: Number of the classifier.
        """
        block, column = divmod(arm, self.columns)
        return block * self.n_classifiers + classifier, column

    def finish(self, panels: np.ndarray[Any, Any]) -> None:
        """Hide panels without an arm, or without a method, and give the lowest panel of each column its labels.

        Args:
            panels: Axes, [rows, columns].
        """
        for column in range(self.columns):
            used = math.ceil((self.n_arms - column) / self.columns) * self.n_classifiers
            drawn = [axes for axes in panels[:used, column] if axes.has_data()]
            for axes in panels[:, column]:
                axes.set_visible(axes in drawn)
            if drawn and drawn[-1] is not panels[-1, column]:
                drawn[-1].tick_params(labelbottom=True)
