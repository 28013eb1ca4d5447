"""Matrix of the differences between every two methods of one cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="pairwise",
    title="Differences between methods",
    caption=(
        "Mean difference of the fold scores, row minus column. A star, beside a bold number where there is room for "
        "numbers, marks a difference that the corrected resampled t-test finds after Holm's correction; every other "
        "difference is within noise, or the same in every fold, which the test cannot judge."
    ),
    order=70,
    reads=("summary.csv", "statistics/pairwise.csv"),
)

#: Methods up to which a cell has room for its number; with more it has its colour, and the table has the number.
_NUMBERED = 13


def draw(study: Study, cohort: str) -> Figure:
    """Draw row minus column; a bold cell with a star is a difference that the corrected test finds.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no pair was tested.
    """
    title = tr(
        "{cohort}: difference in {metric}, row minus column",
        cohort=titles.cohort_title(cohort),
        metric=titles.metric_words(study.metric),
    )
    methods = study.methods(cohort)
    pairs = {(a, b): study.pairs.row(cohort, a, b) for a in methods for b in methods if a != b}
    tested = {key: row for key, row in pairs.items() if row is not None}
    if not tested:
        return style.empty_figure(title, tr("no two methods of this cohort could be compared"))
    methods = [method for method in methods if any(method in key for key in tested)]
    values = np.full((len(methods),) * 2, np.nan)
    for (a, b), row in tested.items():
        values[methods.index(a), methods.index(b)] = float(row["difference"])
    limit = max(float(np.nanmax(np.abs(values))), 1e-9)

    with style.style():
        many = len(methods) > _NUMBERED
        side = (0.36 if many else 0.62) * len(methods)
        figure = style.new_figure(2.6 + side, 2.2 + 0.75 * side)
        axes = figure.add_subplot()
        image = axes.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        for (a, b), row in tested.items():
            found = row["verdict"] in ("a better", "b better")
            value = float(row["difference"])
            axes.text(
                methods.index(b),
                methods.index(a),
                ("*" if found else "") if many else numbers.difference(value) + (" *" if found else ""),
                ha="center",
                va="center",
                fontsize=11 if many else 7.5,
                fontweight="bold" if found else "normal",
                color="white" if abs(value) > 0.65 * limit else "black",
            )
        names = [titles.short_method_title(method) for method in methods]
        axes.set_xticks(range(len(methods)), names, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(len(methods)), names, fontsize=8)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, label=tr("row minus column"))
        bar.outline.set_visible(False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure
