"""What the arms of one cohort reach and what they take: a small plot of one mark per arm, for the first screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sixgig.arms.registry import is_control
from sixgig.evaluation.metrics import METRICS
from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.tables.contrasts import BEST
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="cost_axis",
    title="What an arm reaches and takes",
    caption=(
        "One mark per arm, with its classifier chosen inside the training folds: further left takes less time, and the "
        "bar is the interval of the estimate. Time is that of training, encoding and all classifiers that are "
        "chosen from, without the work that all arms share."
    ),
    order=6,
    reads=("statistics/budget.csv", "statistics/arm_summary.csv"),
)
#: Estimates that differ only beyond these decimals are equal.
_DECIMALS = 9


def arms_by_time(study: Study, cohort: str) -> pd.DataFrame:
    """What every arm of a cohort reaches as a procedure, and what it takes; controls apart, the fastest first.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        Columns ``arm``, ``estimate``, ``ci_low``, ``ci_high`` (as in ``arm_summary.csv``), ``device``, ``learned``
        (seconds of training and encoding) and ``seconds`` (these and all its classifiers, which the choice inside
        needs); missing where not all of it is known. Arms of unknown cost stand last.
    """
    costs = study.budget[(study.budget["cohort"] == cohort) & (study.budget["metric"] == study.metric)]
    found = []
    for arm, own in costs.groupby("arm", sort=False):
        parts = own[["seconds_train", "seconds_encode", "seconds_classify"]].to_numpy(dtype=float)
        learned, classified = parts[0, :2].sum(), parts[:, 2].sum()  # NaN where a part is not known
        found.append((str(arm), str(own["device"].iloc[0]), learned, learned + classified))
    rows = study.arm_summary
    rows = rows[(rows["cohort"] == cohort) & (rows["metric"] == study.metric) & rows["estimate"].notna()]
    rows = rows[~rows["arm"].map(is_control).astype(bool) & (rows["arm"] != BEST)]
    rows = rows[["arm", "estimate", "ci_low", "ci_high"]].assign(arm=rows["arm"].astype(str))
    rows = rows.merge(pd.DataFrame(found, columns=["arm", "device", "learned", "seconds"]), on="arm", how="left")
    return rows.sort_values("seconds", kind="stable").reset_index(drop=True)


def highest(study: Study, rows: pd.DataFrame) -> pd.Series:
    """The row with the best estimate of :func:`arms_by_time`; of equal ones the fastest arm's."""
    sign = 1 if METRICS[study.metric].higher_is_better else -1
    return rows.loc[[int((sign * rows["estimate"]).round(_DECIMALS).to_numpy(dtype=float).argmax())]].iloc[0]


def draw(study: Study, cohort: str) -> Figure:
    """Draw the study's metric against seconds, with one mark per arm.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure, 4.6 inches wide, so that it can be read on a telephone; an empty one that says why without rows.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    title = tr(
        "{cohort}: {metric} and time", cohort=titles.cohort_title(cohort), metric=titles.metric_words(study.metric)
    )
    rows = arms_by_time(study, cohort)
    rows = rows[rows["seconds"] > 0]
    if not len(rows):
        return style.empty_figure(title, tr("no method of this cohort has both an estimate and a cost"), 4.6)
    with style.style():
        figure = style.new_figure(4.6, 2.6 + 0.19 * len(rows))
        axes = figure.add_subplot()
        for _, row in rows.iterrows():
            arm = str(row["arm"])
            took, estimate, low, high = (float(row[name]) for name in ("seconds", "estimate", "ci_low", "ci_high"))
            colour = titles.arm_colour(arm)
            if not (numbers.is_missing(low) or numbers.is_missing(high)):
                axes.plot([took, took], [low, high], color=colour, linewidth=1.6, alpha=0.6)
            words = f"{titles.arm_title(arm)}: {numbers.with_interval(estimate, low, high)}"
            words += f"{numbers.between()}{numbers.seconds(took)}"
            (mark,) = axes.plot(
                took, estimate, marker="o", linestyle="none", color=colour, markersize=8,
                markeredgecolor="white", zorder=3,
                label=f"{titles.short_arm_title(arm)}{numbers.between()}{numbers.seconds(took)}",
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
