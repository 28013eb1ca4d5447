"""Who it works for: the study's metric within every group of subjects, a dot with its interval for each method."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.groups import Value, gap_of, groups_of, leading_methods, values_of
from sixgig.results.study import Method, Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    name="groups",
    title="Who it works for",
    caption=(
        "The method with the highest estimate of every arm, within each value of a group (number of subjects in "
        "brackets), with intervals of these fitted models. The line above a panel names the largest difference of the "
        "method with the highest estimate of all; its interval holds for all pairs of values together. Values may "
        "differ by chance, or by more than their name, such as by how many are ill."
    ),
    order=68,
    reads=("statistics/groups.csv", "summary.csv"),
    needs="groups",
)

#: Height of a method within a value, and the room between values, in inches.
_DOT, _GAP = 0.15, 0.16
_WRAP = 78


def draw(study: Study, cohort: str) -> Figure:
    """Draw one panel per group, with a row for every value and a dot for every arm's method.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why for a cohort without groups or estimates.
    """
    title = tr(
        "{cohort}: {metric} within groups of subjects",
        cohort=titles.cohort_title(cohort),
        metric=titles.metric_words(study.metric),
    )
    methods = leading_methods(study, cohort)
    panels = {group: values_of(study, cohort, group, methods[0]) for group in groups_of(study, cohort) if methods}
    if not panels:
        return style.empty_figure(title, tr("this cohort has no groups of subjects with results"))
    step = _DOT * len(methods) + _GAP
    heights = [0.3 + step * len(values) for values in panels.values()]
    with style.style():
        figure = style.new_figure(7.5, 1.5 + sum(heights) + 0.45 * len(panels))
        rows = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights).ravel()
        for axes, group in zip(rows, panels, strict=True):
            for place, method in enumerate(methods):
                shift = (place - (len(methods) - 1) / 2) * _DOT / step
                _dots(axes, method, values_of(study, cohort, group, method), shift)
            names = [f"{value.name} ({numbers.count(value.n_subjects)})" for value in panels[group]]
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            for between in range(1, len(names)):
                axes.axhline(between - 0.5, color="#DDDDDD", linewidth=0.7)
            axes.grid(axis="x")
            axes.set_title(_gap(study, cohort, group, methods[0]), loc="left", fontsize=9, color="#222222")
        rows[-1].set_xlabel(titles.metric_title(study.metric))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        figure.legend(handles=rows[0].get_legend_handles_labels()[0], loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _dots(axes: Axes, method: Method, values: list[Value], shift: float) -> None:
    colour, label = titles.arm_colour(method.arm), titles.short_method_title(method)
    known = [(place + shift, value) for place, value in enumerate(values) if not math.isnan(value.estimate)]
    for place, value in known:
        if not math.isnan(value.low):
            axes.plot([value.low, value.high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
    (drawn,) = axes.plot(
        [value.estimate for _, value in known], [place for place, _ in known], linestyle="none", color=colour,
        marker=style.marker(method.classifier), markersize=5.5, markeredgecolor="white", markeredgewidth=0.6,
        zorder=3, label=label,
    )  # fmt: skip
    said = [f"{value.name}: {numbers.with_interval(value.estimate, value.low, value.high)}" for _, value in known]
    style.tell(drawn, f"{label}. {'; '.join(said)}")


def _gap(study: Study, cohort: str, group: str, method: Method) -> str:
    """Name the largest difference between two values."""
    gap = gap_of(study, cohort, group, method)
    if gap is None:
        return group
    text = tr(
        "{group}: largest difference of {method} {difference}, {first} against {second}",
        group=group,
        method=titles.short_method_title(method),
        difference=numbers.with_interval(gap.estimate, gap.low, gap.high),
        first=gap.first,
        second=gap.second,
    )
    return "\n".join(textwrap.wrap(text, _WRAP))
