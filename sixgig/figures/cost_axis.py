"""What the arms of one cohort reach and what they take: a small plot of one mark per arm, for the first screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Method, Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="cost_axis",
    title="What an arm reaches and takes",
    caption=(
        "One mark per arm, with its best classifier: further left takes less time, and the bar is the interval of the "
        "estimate. Time is that of training, encoding and classifier together, without the work that all arms share."
    ),
    order=6,
    reads=("statistics/budget.csv",),
)


def best_of_arms(study: Study, cohort: str) -> pd.DataFrame:
    """Rows of ``tables.BUDGET`` of one cohort: the best method of every arm, controls apart, fastest first.

    Among methods that score alike the faster one counts.
    """
    rows = study.budget[(study.budget["cohort"] == cohort) & (study.budget["metric"] == study.metric)]
    rows = rows[~rows["arm"].str.startswith("control_").astype(bool) & rows["estimate"].notna() & (rows["seconds"] > 0)]
    sign = 1 if METRICS[study.metric].higher_is_better else -1
    ranked = rows.assign(rank=-sign * rows["estimate"]).sort_values(["rank", "seconds"], kind="stable")
    return ranked.drop_duplicates("arm").drop(columns="rank").sort_values("seconds", kind="stable")


def draw(study: Study, cohort: str) -> Figure:
    """Draw the study's metric against seconds, with one mark per arm.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure, 4.6 inches wide, so that it can be read on a telephone; an empty one that says why without rows.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    title = tr("{cohort}: {metric} and time", cohort=cohort, metric=titles.metric_words(study.metric))
    rows = best_of_arms(study, cohort)
    if not len(rows):
        return style.empty_figure(title, tr("no method of this cohort has both an estimate and a cost"), 4.6)
    with style.style():
        figure = style.new_figure(4.6, 2.6 + 0.19 * len(rows))
        axes = figure.add_subplot()
        for _, row in rows.iterrows():
            method = Method(str(row["arm"]), str(row["classifier"]))
            took, estimate, low, high = (float(row[name]) for name in ("seconds", "estimate", "ci_low", "ci_high"))
            colour = titles.arm_colour(method.arm)
            if not (numbers.is_missing(low) or numbers.is_missing(high)):
                axes.plot([took, took], [low, high], color=colour, linewidth=1.6, alpha=0.6)
            words = f"{titles.method_title(method)}: {numbers.with_interval(estimate, low, high)}"
            words += f"{numbers.between()}{numbers.seconds(took)}"
            (mark,) = axes.plot(
                took, estimate, marker=style.marker(method.classifier), linestyle="none", color=colour, markersize=8,
                markeredgecolor="white", zorder=3,
                label=f"{titles.short_method_title(method)}{numbers.between()}{numbers.seconds(took)}",
            )  # fmt: skip
            style.tell(mark, words)
        axes.set_title(title, loc="left", fontsize=9, color="#555555")
        axes.set_xscale("log")
        least, most = float(rows["seconds"].min()), float(rows["seconds"].max())
        axes.set_xlim(least / 1.6, most * 1.6)
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if most > 100 * least else (1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: numbers.localised(f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=8)
        axes.grid()
        axes.set_xlabel(tr("Wall time in seconds, less is better"), fontsize=9)
        axes.set_ylabel(titles.metric_title(study.metric), fontsize=9)
        figure.legend(loc="outside lower left", fontsize=8)
    return figure
