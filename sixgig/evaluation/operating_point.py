"""Where a score becomes a decision: a threshold that is chosen on other folds than the one that it is used on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

#: Digits that a share is compared with, so that 0.9 of 10 is 9.
_DIGITS = 9


class OperatingPoint(NamedTuple):
    """What the threshold has to reach on the other folds.

    Attributes:
        kind: ``sensitivity``, ``specificity``, ``threshold`` (a probability), or ``labels``: the classes that the
            classifier predicts, without a threshold.
        value: The sensitivity or specificity wanted, or the threshold; NaN with ``labels``.
    """

    kind: str = "labels"
    value: float = float("nan")

    @classmethod
    def of(cls, stanza: Mapping[str, float] | None) -> OperatingPoint:
        """Return what a cohort's ``operating_point`` asks for, such as ``{sensitivity: 0.9}``; labels when None."""
        return cls() if stanza is None else cls(*next((kind, float(value)) for kind, value in stanza.items()))

    @property
    def name(self) -> str:
        """Its name in tables, such as ``sensitivity 0.9``."""
        return self.kind if self.kind == "labels" else f"{self.kind} {self.value:g}"


def threshold_for(scores: Floats, positive: Truths, point: OperatingPoint) -> float:
    """Return the threshold at which subjects count as positive from there on upwards.

    Args:
        scores: Score of the positive class, [n].
        positive: Which subjects are positive, [n]; both kinds occur.
        point: For a sensitivity the highest threshold that reaches it, for a specificity the lowest.
    """
    if point.kind == "threshold":
        return point.value
    wanted = np.sort(scores[positive == (point.kind == "sensitivity")])
    needed = max(int(np.ceil(round(point.value * len(wanted), _DIGITS))), 1)
    if point.kind == "sensitivity":
        return float(wanted[-needed])
    return float(np.nextafter(wanted[needed - 1], np.inf))


def held_out_decisions(
    scores: Floats, positive: Truths, repeats: NDArray[np.intp], folds: NDArray[np.intp], point: OperatingPoint
) -> tuple[Truths, Floats]:
    """Decide every fold by the threshold of the other folds of its repeat.

    Args:
        scores: Out-of-fold score of the positive class, [n].
        positive: Which rows are positive, [n].
        repeats: Repeat of every row, [n].
        folds: Fold of every row, [n].
        point: Anything but ``labels``.

    Returns:
        Which rows count as positive, [n], and the threshold of every fold, [n_folds].
    """
    decided, thresholds = np.zeros(len(scores), dtype=bool), []
    for own, others in held_out_folds(repeats, folds):
        thresholds.append(threshold_for(scores[others], positive[others], point))
        decided[own] = scores[own] >= thresholds[-1]
    return decided, np.array(thresholds)


def held_out_folds(repeats: NDArray[np.intp], folds: NDArray[np.intp]) -> list[tuple[Truths, Truths]]:
    """Return for every fold of every repeat its rows and those of the other folds of that repeat, [n] each."""
    pairs = np.unique(np.column_stack([repeats, folds]), axis=0)
    return [((repeats == repeat) & (folds == fold), (repeats == repeat) & (folds != fold)) for repeat, fold in pairs]
