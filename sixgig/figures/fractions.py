"""Label-fraction curves of every arm of one cohort: the study's metric against the number of labelled subjects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.fractions import Point, curves, level_of
from sixgig.results.study import Method, Study, classifier_order
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    name="fractions",
    title="How many labelled subjects a method needs",
    caption=(
        "Each panel is one arm, with all other methods in grey. Every method is trained on the same labelled subjects "
        "and tested on the same folds. The axis is logarithmic: labelled subjects of a training fold, and their share. "
        "Bands are intervals of the procedure at the study's level; which subjects were labelled varies between folds "
        "and repeats. The dashed line is the level that at least half of the arms reach with all labels."
    ),
    order=65,
    reads=("fractions.csv",),
    needs="fractions",
)

_COLUMNS = 4
#: Part of the axis that a label of its ticks takes.
_TICK = 0.17
_WRAP = 24


def draw(study: Study, cohort: str) -> Figure:
    """Draw one panel per arm: the study's metric against labelled subjects, a line for every classifier.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no method has an estimate.
    """
    title = tr(
        "{cohort}: {metric} against labelled subjects",
        cohort=titles.cohort_title(cohort),
        metric=titles.metric_words(study.metric),
    )
    known = {
        method: points
        for method, points in curves(study, cohort).items()
        if any(not math.isnan(point.estimate) for point in points)
    }
    if not known:
        return style.empty_figure(title, tr("no method of this cohort has an estimate"))
    arms = list(dict.fromkeys(method.arm for method in known))
    n_rows = math.ceil(len(arms) / _COLUMNS)
    n_columns = math.ceil(len(arms) / n_rows)
    paleness = max(2, len({method.classifier for method in known}))  # bands lie over each other
    level = level_of(known)
    with style.style():
        figure = style.new_figure(max(4.6, 2.45 * n_columns), 1.25 + 2.05 * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, arm in zip(panels, arms, strict=False):
            for method, points in known.items():
                if method.arm != arm:
                    axes.plot(*_line(points), color="#CCCCCC", linewidth=0.8, zorder=1)
            for method, points in known.items():
                if method.arm == arm:
                    _curve(axes, method, points, 0.28 / paleness)
            if level is not None:
                axes.axhline(level, color="#555555", linestyle="--", linewidth=0.9, zorder=2)
            axes.set_title(_wrapped(titles.arm_title(arm)), fontsize=9, color="#222222")
            axes.grid()
        for axes in panels[len(arms) :]:
            axes.set_visible(False)
        _x_axis(panels[0], next(iter(known.values())))
        for place, axes in enumerate(panels[: len(arms)]):
            if place + n_columns >= len(arms):  # nothing below it
                axes.tick_params(labelbottom=True)
            axes.tick_params(labelsize=8)
        if level is not None:
            panels[0].annotate(
                numbers.localised(f"{level:.2f}"), (0.03, level), xycoords=("axes fraction", "data"), va="bottom",
                fontsize=7.5, color="#555555",
            )  # fmt: skip
        figure.supxlabel(tr("Labelled subjects of a training fold, and their share"), fontsize=10)
        figure.supylabel(titles.metric_title(study.metric), fontsize=10)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        _legend(figure, known)
    return figure


def _line(points: list[Point]) -> tuple[list[float], list[float]]:
    return [point.n_labelled for point in points], [point.estimate for point in points]


def _curve(axes: Axes, method: Method, points: list[Point], alpha: float) -> None:
    colour = titles.arm_colour(method.arm)
    x, y = _line(points)
    axes.fill_between(
        x, [point.low for point in points], [point.high for point in points], color=colour, alpha=alpha, linewidth=0
    )
    axes.plot(
        x, y, color=colour, linestyle=style.line_style(method.classifier), marker=style.marker(method.classifier),
        markersize=5, markeredgecolor="white", markeredgewidth=0.6, linewidth=1.6, zorder=3,
    )  # fmt: skip


def _x_axis(axes: Axes, points: list[Point]) -> None:
    """Put a tick at every fraction, and a label at those that have room; the last always has one."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    places = [point.n_labelled for point in points]
    width = math.log(places[-1] / places[0]) or 1.0
    labels, right = [], math.inf
    for point in reversed(points):
        at = math.log(point.n_labelled / places[0]) / width
        shown = right - at >= _TICK
        labels.append(f"{numbers.count(point.n_labelled)}\n{numbers.percent(point.fraction)}" if shown else "")
        right = at if shown else right
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, labels[::-1])


def _legend(figure: Figure, known: dict[Method, list[Point]]) -> None:
    """Name the classifiers, each by its line and marker."""
    from matplotlib.lines import Line2D

    names = sorted({method.classifier for method in known}, key=classifier_order)
    handles = [
        Line2D(
            [], [], color="#444444", linestyle=cast("Any", style.line_style(name)), marker=style.marker(name),
            markersize=5, label=titles.classifier_title(name),
        )
        for name in names
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=len(names), fontsize=8)


def _wrapped(title: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(title, _WRAP))
