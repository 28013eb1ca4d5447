"""The critical-difference diagram: average ranks over the cohorts, and which methods are not told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Method, Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    name="critical_difference",
    title="Critical difference",
    caption=(
        "Mean over cohorts of a method's rank, 1 is the best. Two methods whose average ranks are closer than the "
        "critical difference (Nemenyi) are not told apart: a bar joins them. Dotted and in italics: controls, which "
        "are not ranked, at the place that they would take."
    ),
    order=10,
    reads=("statistics/omnibus.csv", "statistics/ranks.csv"),
    over_cohorts=True,
)

#: Height of one label, of one bar, and of the gap between the axis and what is below it, in units of the y axis.
_LABEL, _BAR, _GAP = 1.0, 0.5, 0.6
#: Inches of the axis, of what lies between it and a label, and of a label's character.
_AXIS, _MARK, _CHARACTER = 4.3, 0.25, 0.072
#: Ranks that have room for their number on the axis.
_NUMBERS = 13


@dataclass(frozen=True)
class Bar:
    """One crossbar: from the best to the worst average rank of a group of methods that are not told apart."""

    low: float
    high: float


def bars(ranks: pd.DataFrame) -> list[Bar]:
    """The crossbars of a diagram, best group first; a method that is a group of its own has none.

    Args:
        ranks: Rows of ``tables.RANKS``; without groups (no verdict) there is no bar.
    """
    members: dict[int, list[float]] = {}
    grouped = ranks[ranks["groups"].notna()]
    for groups, rank in zip(grouped["groups"], grouped["average_rank"], strict=True):
        for number in str(groups).split():
            members.setdefault(int(number), []).append(float(rank))
    return [Bar(min(members[key]), max(members[key])) for key in sorted(members) if len(members[key]) > 1]


def draw(study: Study) -> Figure:
    """Draw average ranks, best at the left, with Nemenyi's critical difference as a ruler.

    Args:
        study: The study.

    Returns:
        The figure; an empty one that says why when fewer than two methods are ranked.
    """
    title = tr("Average ranks over the cohorts by {metric}", metric=titles.metric_words(study.metric))
    ranks = study.ranks[study.ranks["average_rank"].notna()].sort_values("average_rank", kind="stable")
    omnibus = study.omnibus.iloc[0]
    if (ranks["role"] == "arm").sum() < 2:
        return style.empty_figure(title, tr("fewer than two methods have an estimate on every cohort"))
    crossbars = bars(ranks)
    half = (len(ranks) + 1) // 2
    floor = -_GAP - _BAR * len(crossbars) - _LABEL * half
    widest = max(int(omnibus["n_methods"]), float(ranks["average_rank"].max()))

    with style.style():
        longest = max(len(_text(row)) for _, row in ranks.iterrows())
        side = max(_AXIS / 2, _MARK + _CHARACTER * longest)
        figure = style.new_figure(_AXIS + 2 * side, 1.3 + 0.3 * (3 - floor))
        axes = figure.add_subplot()
        axes.set_axis_off()
        margin = 0.02 * (widest - 1)
        beside = (widest - 1) * side / _AXIS
        axes.set_xlim(1 - beside, widest + beside)
        axes.set_ylim(floor, 2.4)
        axes.set_title(title, loc="left")
        _axis(axes, widest)
        _ruler(axes, omnibus, widest)
        for place, bar in enumerate(crossbars):
            y = -_GAP - _BAR * place
            # Caps of half a line's width: a bar may not seem to reach a method that is not in its group.
            axes.plot([bar.low, bar.high], [y, y], color="#222222", linewidth=4, solid_capstyle="projecting")
        below = -_GAP - _BAR * len(crossbars)
        for index, (_, row) in enumerate(ranks.iterrows()):
            left = index < half
            # Labels run down the left side and up the right side again, so that no two leader lines cross.
            level = below - _LABEL * (index if left else len(ranks) - 1 - index)
            _label(axes, row, level - 0.2, 1 - 2 * margin if left else widest + 2 * margin, left)
    return figure


def _axis(axes: Axes, widest: float) -> None:
    axes.plot([1, widest], [0, 0], color="#222222", linewidth=1.2)
    step = -(-int(widest) // _NUMBERS)
    for rank in range(1, int(widest) + 1):
        axes.plot([rank, rank], [0, 0.2], color="#222222", linewidth=1.2)
        if (rank - 1) % step == 0:
            axes.text(rank, 0.3, str(rank), ha="center", va="bottom", fontsize=9)


def _ruler(axes: Axes, omnibus: pd.Series, widest: float) -> None:
    """Draw the critical difference to scale, from rank 1; cut off with an arrow when it is wider than the axis."""
    critical, y = omnibus["critical_difference"], 1.5
    if numbers.is_missing(critical):
        return
    end = min(1 + float(critical), widest)
    axes.plot([1, end], [y, y], color="#9C1C1C", linewidth=1.6)
    axes.plot([1], [y], color="#9C1C1C", marker="|", markersize=8)
    axes.plot([end], [y], color="#9C1C1C", marker="|" if end == 1 + float(critical) else ">", markersize=8)
    text = tr(
        "critical difference {critical}, of {possible} possible",
        critical=numbers.rank(critical),
        possible=numbers.count(omnibus["n_methods"] - 1),
    )
    if omnibus["status"] != "ok":
        text += tr(" (no verdict, so no bars)")
    axes.text(1, y + 0.2, text, fontsize=9, va="bottom", color="#9C1C1C")


def _label(axes: Axes, row: pd.Series, level: float, end: float, left: bool) -> None:
    """Draw a method's marker on the axis, its leader line, and its name with the rank."""
    method, rank = Method(str(row["arm"]), str(row["classifier"])), float(row["average_rank"])
    colour = titles.arm_colour(method.arm)
    axes.plot([rank, rank, end], [0, level, level], color=colour, linewidth=1.1, linestyle=_line(method))
    axes.plot(rank, 0, marker=style.marker(method.classifier), color=colour, markeredgecolor="white", markersize=7)
    axes.annotate(
        _text(row),
        (end, level),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=9,
        fontstyle="italic" if method.is_control else "normal",
    )


def _text(row: pd.Series) -> str:
    method = Method(str(row["arm"]), str(row["classifier"]))
    return f"{titles.short_method_title(method)} ({numbers.rank(float(row['average_rank']))})"


def _line(method: Method) -> str:
    return ":" if method.is_control else "-"
