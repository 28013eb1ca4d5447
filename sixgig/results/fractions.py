"""The label-fraction curves of a finished study: what each method reaches with how many labelled subjects."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from sixgig.results.study import Method, Study, is_failed

#: Arms among which the question is asked which needs fewest labels.
_LEAST_ARMS = 2
_SAME = 1e-9


class Point(NamedTuple):
    """A method at one fraction.

    Attributes:
        fraction: Share of the training subjects that had labels.
        n_labelled: Labelled subjects of a training fold, mean over folds and repeats.
        estimate: The study's metric; NaN when it failed.
        low: Lower end of its interval; NaN without one.
        high: Upper end.
        status: ``ok``, ``fallback: what`` or ``failed: reason``.
    """

    fraction: float
    n_labelled: float
    estimate: float
    low: float
    high: float
    status: str

    @property
    def failed(self) -> bool:
        """Whether there is no estimate because something failed."""
        return is_failed(self.status)


class Reaching(NamedTuple):
    """Which arm reaches a level with fewest labelled subjects.

    Attributes:
        level: The level of the study's metric: at least half of the arms reach it with all labels.
        point: Where the first estimate reaches it.
        method: The method that does there; None where more than one arm does, or where the intervals do not show it.
        n_open: Arms whose interval there does not lie below the level.
        n_arms: Arms with an interval there.
        n_tried: Fractions below 1 at which any method has an estimate.
    """

    level: float
    point: Point
    method: Method | None
    n_open: int
    n_arms: int
    n_tried: int


def curves(study: Study, cohort: str) -> dict[Method, list[Point]]:
    """Return the curve of every method of a cohort in display order, fewest labels first."""
    rows = study.fractions
    rows = rows[(rows["cohort"] == cohort) & (rows["metric"] == study.metric)]
    found: dict[Method, list[Point]] = {}
    for row in rows.sort_values("fraction", kind="stable").itertuples():
        point = Point(
            fraction=_number(row.fraction),
            n_labelled=_number(row.n_labelled),
            estimate=_number(row.estimate),
            low=_number(row.ci_low),
            high=_number(row.ci_high),
            status=str(row.status),
        )
        found.setdefault(Method(str(row.arm), str(row.classifier)), []).append(point)
    return {method: found[method] for method in sorted(found, key=study.order)}


def _number(value: object) -> float:
    return math.nan if pd.isna(value) else float(value)  # type: ignore[arg-type,call-overload]


def level_of(found: dict[Method, list[Point]]) -> float | None:
    """Return a level to ask about: what at least half of the arms reach with all labels, rounded down to two decimals.

    An arm counts with its best classifier; controls do not count. None where fewer than two arms have an estimate.
    """
    best: dict[str, float] = {}
    for method, points in found.items():
        estimate = points[-1].estimate
        if not method.is_control and not math.isnan(estimate):
            best[method.arm] = max(estimate, best.get(method.arm, -math.inf))
    if len(best) < _LEAST_ARMS:
        return None
    # The lower median: at least half of the arms are at it or above it, and at least two.
    return math.floor(sorted(best.values())[(len(best) - 1) // 2] * 100 + _SAME) / 100


def first_reaching(points: list[Point], level: float) -> Point | None:
    """Return the point with the fewest labels whose estimate reaches a level; None when none does."""
    return next((point for point in points if point.estimate >= level - _SAME), None)


def reaching(found: dict[Method, list[Point]]) -> Reaching | None:
    """Say which arm reaches the level with fewest labelled subjects, and whether the intervals show it.

    It is shown when at the fraction where the first estimate reaches the level, the interval of that method lies at the
    level or above, and the intervals of all methods of all other arms, controls included, end below it. All of these
    have to hold at once, so no correction for their number is needed. Methods that failed there do not count.

    Returns:
        The answer; None where fewer than two arms have an estimate with all labels.
    """
    level = level_of(found)
    if level is None:
        return None
    firsts = [
        (point.fraction, -point.low, method)
        for method, points in found.items()
        if not method.is_control and (point := first_reaching(points, level)) is not None
    ]
    fraction = min(own[0] for own in firsts)
    # Of several that reach it there, the one whose interval lies highest; one without an interval comes last.
    leader = min(
        (own for own in firsts if own[0] == fraction), key=lambda own: math.inf if math.isnan(own[1]) else own[1]
    )[2]
    there = {
        method: point
        for method, points in found.items()
        for point in points
        if point.fraction == fraction and not point.failed
    }
    open_arms = {method.arm for method, point in there.items() if not point.high < level}
    point = there[leader]
    shown = point.low >= level - _SAME and open_arms <= {leader.arm}
    tried = {own.fraction for points in found.values() for own in points if own.fraction < 1 and not own.failed}
    n_arms = len({method.arm for method in there})
    return Reaching(level, point, leader if shown else None, len(open_arms), n_arms, len(tried))
