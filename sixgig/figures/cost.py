"""Accuracy against cost: what a method's score took in seconds, memory and features."""

from __future__ import annotations

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
    name="cost",
    title="Accuracy against cost",
    caption=(
        "Wall time is that of the arm's own stages plus its classifier, without the work that all arms share; an arm "
        "that transforms another arm's features is charged with those, too. Up and to the left is better. The dashed "
        "line joins the arms that no other one equals for less (Pareto front); it orders estimates and tests nothing."
    ),
    order=60,
    reads=("statistics/budget.csv",),
)
#: Largest over smallest cost above which only powers of ten are written.
_DECADES = 200


def draw(study: Study, cohort: str) -> Figure:
    """Draw the study's metric against seconds, peak memory and features on logarithmic axes, with the Pareto fronts.

    Memory is that of the GPU when every arm ran on one, else that of the host.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no method has both an estimate and a cost.
    """
    title = tr(
        "{cohort}: {metric} against cost", cohort=titles.cohort_title(cohort), metric=titles.metric_words(study.metric)
    )
    rows = study.budget[study.budget["cohort"] == cohort]
    rows = rows[rows["estimate"].notna() & (rows["seconds"] > 0)]
    if not len(rows):
        return style.empty_figure(title, tr("no method of this cohort has both an estimate and a cost"))
    memory = ("rss", "peak_rss_mb", tr("Peak host memory (MiB)"))
    if rows["front_vram"].notna().any():
        memory = ("vram", "peak_vram_mb", tr("Peak GPU memory (MiB)"))

    with style.style():
        figure = style.new_figure(8.6, 6.6)
        grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
        main = figure.add_subplot(grid[0, :])
        _panel(main, rows, "seconds", "seconds", tr("Wall time of training, encoding and classifier (seconds)"))
        for _, row in rows.iterrows():
            low, high, took = float(row["ci_low"]), float(row["ci_high"]), float(row["seconds"])
            if not (numbers.is_missing(low) or numbers.is_missing(high)):
                main.plot([took, took], [low, high], color=titles.arm_colour(str(row["arm"])), linewidth=1.6, alpha=0.6)
        main.set_ylabel(
            tr(
                "{metric} with {level} interval",
                metric=titles.metric_title(study.metric),
                level=numbers.level(study.alpha),
            )
        )
        main.set_title(title, loc="left")
        _panel(figure.add_subplot(grid[1, 0]), rows, *memory)
        figure.axes[1].set_ylabel(titles.metric_title(study.metric))
        _panel(
            figure.add_subplot(grid[1, 1], sharey=figure.axes[1]),
            rows,
            "features",
            "n_features",
            tr("Features per image") if study.labels_of(cohort) == "image" else tr("Features per subject"),
        )
        handles, labels = main.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=8)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, front: str, column: str, label: str) -> None:
    """Draw estimates against one cost; methods on the front have a black edge and are joined by a line."""
    from matplotlib.ticker import LogLocator, NullFormatter

    known = rows[rows[column].notna() & (rows[column] > 0)]
    chosen = known[known[f"front_{front}"] == "yes"].sort_values([column, "estimate"])
    axes.plot(
        chosen[column].astype(float),
        chosen["estimate"],
        color="#222222",
        linewidth=1.1,
        linestyle="--",
        drawstyle="steps-post",
        label=tr("Pareto front") if front == "seconds" else None,
        zorder=1,
    )
    for _, row in known.iterrows():
        method = Method(str(row["arm"]), str(row["classifier"]))
        on_front = row[f"front_{front}"] == "yes" if not numbers.is_missing(row[f"front_{front}"]) else False
        axes.plot(
            float(row[column]),
            float(row["estimate"]),
            marker=style.marker(method.classifier),
            linestyle="none",
            color=titles.arm_colour(method.arm),
            markersize=8,
            markeredgecolor="#222222" if on_front else "white",
            markeredgewidth=1.4 if on_front else 0.8,
            label=f"{titles.short_method_title(method)} ({numbers.seconds(row['seconds'])})",
            zorder=3,
        )
    axes.set_xscale("log")
    wide = len(known) and known[column].max() > _DECADES * known[column].min()  # so many numbers would overlap
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: numbers.localised(f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid()
    axes.set_xlabel(label)
