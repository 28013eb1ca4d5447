"""Loss curves of the arms that were trained on one cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="training",
    title="Loss while the arms learned",
    caption=(
        "Pale: the loss of each step's batch; bold: its moving average. Two arms minimise two different losses, so "
        "their curves cannot be compared with each other."
    ),
    order=80,
    needs="training",
)


def draw(study: Study, cohort: str) -> Figure:
    """Draw one panel per trained arm: loss by step, with its moving average; a line where a new stage begins.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no arm has a loss curve.
    """
    title = tr("{cohort}: loss while the arms learned", cohort=titles.cohort_title(cohort))
    curves = {arm: curve for arm in study.training.arms(cohort) if len(curve := study.training.curve(cohort, arm))}
    if not curves:
        return style.empty_figure(title, tr("no arm of this cohort was trained to its end"))
    with style.style():
        figure = style.new_figure(7.5, 0.6 + 2.6 * len(curves))
        panels = figure.subplots(len(curves), 1, squeeze=False)[:, 0]
        for axes, (arm, curve) in zip(panels, curves.items(), strict=True):
            steps, losses = curve["step"].to_numpy(dtype=float), curve["loss"].to_numpy(dtype=float)
            colour = titles.arm_colour(arm)
            axes.plot(steps, losses, color=colour, alpha=0.35, linewidth=0.9)
            for stage, rows in curve.groupby("stage", sort=False):
                first = float(rows["step"].iloc[0])
                axes.plot(rows["step"], moving_average(rows["loss"].to_numpy(dtype=float)), color=colour, linewidth=2)
                if first > steps[0]:
                    axes.axvline(first, color="#555555", linestyle=":", linewidth=1)
                if curve["stage"].nunique() > 1:
                    axes.annotate(
                        tr("{stage} loss", stage=tr(str(stage))),
                        (first, 0.97),
                        xycoords=("data", "axes fraction"),
                        va="top",
                    )
            axes.set_title(titles.arm_title(arm), loc="left")
            axes.set_ylabel(tr("loss"))
            axes.grid(axis="y")
        panels[-1].set_xlabel(tr("training step"))
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def moving_average(losses: np.ndarray) -> np.ndarray:
    """Mean of each value and those before it, up to a tenth of the curve (3 values at least), [n] to [n]."""
    width = max(3, len(losses) // 10)
    sums = np.cumsum(np.insert(losses, 0, 0.0))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
