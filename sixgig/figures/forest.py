"""Forest plot of one cohort's planned comparisons: differences with intervals, one line each, grouped by question."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
import pandas as pd

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    name="forest",
    title="Planned comparisons",
    caption=(
        "Each line is one planned comparison: the first arm minus the second, with the classifier of either chosen "
        "inside the training folds. The bar is the interval of the corrected test. A bar that leaves out 0 shows a "
        "difference; one that lies inside the grey band shows that the two are equally good; any other decides nothing."
    ),
    order=5,
    reads=("statistics/contrasts.csv",),
)
#: Questions of planned comparisons, in the order of the plot, with their headings.
QUESTIONS = {
    "baseline": "Better than the cheapest baseline?",
    "start": "Did training help? Against its own start",
    "control": "Better than what has learned nothing?",
    "named": "Asked for in the study file",
}
#: Verdicts other than those that name a winner, for people.
VERDICTS = {"equivalent": "equally good", "undecided": "undecided", "not testable": "not testable"}
_FOUND, _EQUAL, _OPEN = "#0B5CAD", "#116B41", "#6B7280"
_LINE, _HEADING = 0.33, 0.28  # inches


def verdict_words(row: pd.Series) -> str:
    """What a planned comparison found, in words: "Pure ViT better", "equally good", "undecided"."""
    found, _, reason = str(row["verdict"]).partition(":")
    if found in ("a better", "b better"):
        return tr("{method} better", method=titles.arm_title(str(row[found[0]])))
    return tr(VERDICTS.get(found, found)) + (f": {reason.strip()}" if reason else "")


def of_cohort(study: Study, cohort: str) -> pd.DataFrame:
    """Rows of ``tables.CONTRASTS`` of one cohort on the study's metric, in the order of the plot."""
    rows = study.contrasts
    rows = rows[(rows["cohort"] == cohort) & (rows["metric"] == study.metric)]
    order = [*QUESTIONS]
    return rows.sort_values("question", kind="stable", key=lambda column: column.map(order.index))


def draw(study: Study, cohort: str) -> Figure:
    """Draw the planned comparisons with their intervals and the band of equivalence.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure, 4.6 inches wide, so that it can be read on a telephone; an empty one that says why without rows.
    """
    rows = of_cohort(study, cohort)
    title = tr("{cohort}: planned comparisons", cohort=titles.cohort_title(cohort))
    if not len(rows):
        return style.empty_figure(title, tr("no comparison of this cohort could be planned or tested"), 4.6)
    groups = [(str(question), own) for question, own in rows.groupby("question", sort=False)]
    lines = _LINE * len(rows) + _HEADING * len(groups)
    with style.style():
        figure = style.new_figure(4.6, lines + 1.15)
        axes = figure.add_subplot()
        rope = float(rows["rope"].iloc[0])
        axes.axvspan(-rope, rope, color="#E5E7EB", zorder=0, linewidth=0)
        axes.axvline(0, color="#333333", linewidth=1, zorder=1)
        _limits(axes, rows, rope)
        place = 0.0
        for question, own in groups:
            common = own["b"].nunique() == 1
            heading = tr(QUESTIONS[question])
            if common and question == "baseline":
                heading = tr("Better than {arm}, the cheapest?", arm=titles.short_arm_title(str(own["b"].iloc[0])))
            _write(axes, 0, place + _HEADING / 2, heading, ha="left", fontsize=8.5, fontweight="bold")
            place += _HEADING
            for _, row in own.iterrows():
                _row(axes, place, row, alone=common and question == "baseline")
                place += _LINE
        axes.set_ylim(place, 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_formatter(lambda value, _: _tick(value))
        axes.grid(axis="x")
        axes.set_xlabel(tr("Difference in {metric}", metric=titles.metric_words(study.metric)), fontsize=9)
        axes.set_title(title, loc="left", fontsize=9, color="#555555")
        _legend(axes, rows)
    return figure


def _limits(axes: Axes, rows: pd.DataFrame, rope: float) -> None:
    from matplotlib.ticker import MaxNLocator

    ends = rows[["ci_low", "ci_high", "difference"]].abs().to_numpy(dtype=float)
    reach = 1.06 * max(0.02 if np.isnan(ends).all() else float(np.nanmax(ends)), 1.5 * rope)
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))


def _row(axes: Axes, place: float, row: pd.Series, *, alone: bool) -> None:
    """Write one comparison's names and numbers on a line, and draw its interval below them."""
    found = str(row["verdict"]).partition(":")[0]
    colour = {"a better": _FOUND, "b better": _FOUND, "equivalent": _EQUAL}.get(found, _OPEN)
    names = [titles.short_arm_title(str(row[side])) for side in "ab"]
    pair = " \u2212 ".join(names)
    figures = numbers.with_interval(row["difference"], row["ci_low"], row["ci_high"], numbers.difference)
    text, bar = place + 0.3 * _LINE, place + 0.74 * _LINE
    _write(axes, 0.015, text, names[0] if alone else pair, ha="left", fontsize=8)
    _write(axes, 1, text, figures, ha="right", fontsize=8, color=colour)
    low, high = row["ci_low"], row["ci_high"]
    if not (numbers.is_missing(low) or numbers.is_missing(high)):
        axes.plot([float(low), float(high)], [bar, bar], color=colour, linewidth=2, solid_capstyle="butt", zorder=2)
    if not numbers.is_missing(row["difference"]):
        (mark,) = axes.plot(float(row["difference"]), bar, color=colour, zorder=3, linestyle="none", **_mark(found))
        style.tell(mark, f"{pair}: {figures}{numbers.between()}{verdict_words(row)}")


class _Mark(TypedDict):
    """How a mark looks, as Matplotlib's lines take it."""

    marker: str
    markersize: float
    markerfacecolor: NotRequired[str]
    markeredgewidth: NotRequired[float]


def _mark(found: str) -> _Mark:
    """Look of a mark: full where a difference was found, a diamond where the two are equal, else hollow."""
    if found in ("a better", "b better"):
        return {"marker": "o", "markersize": 7}
    if found == "equivalent":
        return {"marker": "D", "markersize": 6}
    return {"marker": "o", "markersize": 6.5, "markerfacecolor": "white", "markeredgewidth": 1.6}


def _legend(axes: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    found = {str(verdict).partition(":")[0] for verdict in rows["verdict"]}
    entries = [
        ({"a better", "b better"}, _FOUND, tr("difference shown")),
        ({"equivalent"}, _EQUAL, tr("equally good")),
        ({"undecided", "not testable"}, _OPEN, tr("undecided")),
    ]
    shown = [
        Line2D([], [], color=colour, label=label, linewidth=2, **_mark(sorted(names)[0]))
        for names, colour, label in entries
        if names & found
    ]
    axes.figure.legend(handles=shown, loc="outside lower center", ncols=len(shown), fontsize=8)


def _write(axes: Axes, x: float, y: float, text: str, **how: object) -> None:
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    transform = axes.get_yaxis_transform()
    axes.text(x, y, text, transform=transform, va="center", bbox=paper, **how)  # type: ignore[arg-type]


def _tick(value: float) -> str:
    return "0" if abs(value) < 1e-9 else numbers.localised(f"{value:+.2g}").replace("-", "\u2212")
