"""Accuracy against cost: what a method's balanced accuracy took in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sixgig.figures import style
from sixgig.language import tr
from sixgig.reporting import numbers
from sixgig.study import Method, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def method_seconds(costs: pd.DataFrame, cohort: str, method: Method, source_arm: str | None = None) -> float | None:
    """Wall time of everything that one method needs beyond the work shared by all arms.

    Args:
        costs: The costs table.
        cohort: The cohort.
        method: Arm and classifier; the stages ``classify:<other classifier>`` of the arm do not count.
        source_arm: The arm whose features this arm transforms; its encoding counts, too.

    Returns:
        Seconds; None when the table holds no stage of this method.
    """
    rows = costs[(costs["cohort"] == cohort) & (costs["arm"] == method.arm)]
    stage = rows["stage"].astype(str)
    rows = rows[~stage.str.startswith("classify:") | (stage == f"classify:{method.classifier}")]
    if not len(rows):
        return None
    own = float(rows["seconds"].sum())
    source = costs[(costs["cohort"] == cohort) & (costs["arm"] == source_arm) & (costs["stage"] == "encode")]
    return own + float(source["seconds"].sum())


def draw(study: Study, cohort: str) -> Figure:
    """Draw balanced accuracy with its interval against seconds on a logarithmic axis.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no method has both.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    title = tr("{cohort}: {metric} against wall time", cohort=cohort, metric=style.metric_words(study.metric))
    points = {}
    for method, row in study.estimates(cohort).items():
        # An arm that transforms another arm's features names that arm as its backbone.
        backbone = str((study.sidecar(cohort, method.arm) or {}).get("backbone"))
        took = method_seconds(study.costs, cohort, method, backbone)
        if took is not None and took > 0 and not numbers.is_missing(row["estimate"]):
            points[method] = (took, row)
    if not points:
        return style.empty_figure(title, tr("no method of this cohort has both an estimate and a cost"))

    with style.style():
        figure = style.new_figure(8.6, 4.2)
        axes = figure.add_subplot()
        for method, (took, row) in points.items():
            estimate, low, high = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
            colour = style.arm_colour(method.arm)
            if not (numbers.is_missing(low) or numbers.is_missing(high)):
                axes.plot([took, took], [low, high], color=colour, linewidth=1.6, alpha=0.7)
            axes.plot(
                took,
                estimate,
                marker=style.marker(method.classifier),
                linestyle="none",
                color=colour,
                markersize=8,
                markeredgecolor="white",
                label=f"{style.short_method_title(method)} ({numbers.seconds(took)})",
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: numbers.localised(f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid()
        axes.set_xlabel(tr("Wall time of features and classifier together (seconds, logarithmic)"))
        axes.set_ylabel(tr("{metric} with 95% interval", metric=style.metric_title(study.metric)))
        axes.set_title(title, loc="left")
        figure.legend(loc="outside right center", fontsize=8)
    return figure
