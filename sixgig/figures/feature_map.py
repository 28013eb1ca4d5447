"""Map of features: the evaluation samples of one cohort in two dimensions, a panel for every arm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

KIND = Kind(
    name="feature_map",
    title="Map of features",
    caption=(
        "Each mark is an evaluation sample, coloured by its class or group; near ones have similar features. The axes "
        "are the two directions in which the standardised features vary most (principal components), with their share "
        "of the variance. Classes that overlap here may lie apart in other directions."
    ),
    order=55,
    reads=("statistics/feature_map.csv",),
)
#: Colours and marks of classes or sites, in the order of their names (Okabe and Ito's colours); then from the start.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Groups beyond these are drawn as one.
_MOST = 14
_COLUMNS = 3


def draw(study: Study, cohort: str) -> Figure:
    """Draw one panel per arm, with marks by class; then the same by every group of subjects that the study asks for.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when the study has no map of the cohort.
    """
    title = tr("{cohort}: features in two dimensions", cohort=titles.cohort_title(cohort))
    rows = study.feature_map[study.feature_map["cohort"] == cohort].reset_index(drop=True)
    if not len(rows):
        return style.empty_figure(title, tr("no arm of this cohort has features to map"))
    blocks = {tr("{title}, by class", title=title): rows["label"].astype(str)}
    for group, own in study.subject_groups(cohort).groupby("group", sort=False):
        values = own.set_index("subject_id")["value"]
        named = rows["subject_id"].map(values).fillna(tr("not known")).astype(str)
        blocks[tr("{title}, by {group}", title=title, group=group)] = named
    lines = math.ceil(rows["arm"].nunique() / _COLUMNS)
    with style.style():
        figure = style.new_figure(9.0, (0.9 + 2.9 * lines) * len(blocks))
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, (words, groups) in zip(parts, blocks.items(), strict=True):
            _block(part, rows, groups, words)
    return figure


def _block(figure: SubFigure, rows: pd.DataFrame, groups: pd.Series, title: str) -> None:
    """Draw a panel for each arm, marked by a group of each row; the smallest groups of many are drawn as one."""
    if groups.nunique() > _MOST:
        kept = groups.value_counts().sort_index().nlargest(_MOST - 1).index
        groups = groups.where(groups.isin(kept), tr("others"))
    looks = {
        name: {"color": _COLOURS[place % len(_COLOURS)], "marker": _MARKS[place % len(_MARKS)]}
        for place, name in enumerate(sorted(groups.unique()))
    }
    arms = [str(arm) for arm in rows["arm"].unique()]
    columns = min(_COLUMNS, len(arms))
    grid = figure.subplots(math.ceil(len(arms) / columns), columns, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place < len(arms):
            own = rows[rows["arm"] == arms[place]]
            _panel(axes, own, groups[own.index], looks, titles.short_arm_title(arms[place]))
        else:
            axes.set_axis_off()
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)), fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)


def _panel(axes: Axes, rows: pd.DataFrame, groups: pd.Series, looks: dict[str, dict[str, str]], title: str) -> None:
    for name, look in looks.items():
        own = rows[groups == name]
        axes.scatter(own["x"], own["y"], s=12, alpha=0.65, linewidths=0, label=name, **look)  # type: ignore[arg-type]
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(numbers.percent(rows["share_x"].iloc[0]), fontsize=8)
    axes.set_ylabel(numbers.percent(rows["share_y"].iloc[0]), fontsize=8)
