"""Forest plot: the estimate of every method of one cohort with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.evaluation.metrics import METRICS
from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="intervals",
    title="Estimates with intervals",
    caption=(
        "Mean over test folds, highest first. The bar is the interval of the procedure, trained on such a sample; the "
        "dotted line is the level of guessing. "
        "Overlapping intervals do not by themselves mean that two methods are equal: the paired test below decides "
        "that."
    ),
    caption_of_images=(
        "Mean over test folds, of images, highest first. The bar is the interval of the procedure, widened because "
        "images of a subject are alike; the dotted line is the level of guessing. Overlapping intervals do "
        "not by themselves mean that two methods are equal: the paired "
        "test below decides that."
    ),
    order=10,
    reads=("summary.csv",),
)


def guessing(metric: str, classes: int | None) -> float | None:
    """What guessing gives on a metric, or None where that depends on more than the number of classes."""
    guess = METRICS[metric].guess
    return guess(classes) if guess and classes else None


def draw(study: Study, cohort: str) -> Figure:
    """Draw estimates with intervals, highest first, and the level of guessing.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; failed methods stand at the bottom with the word "failed".
    """
    title = tr(
        "{cohort}: {metric} with {level} interval",
        cohort=titles.cohort_title(cohort),
        metric=titles.metric_words(study.metric),
        level=numbers.level(study.alpha),
    )
    rows = study.estimates(cohort)
    done = {method: row for method, row in rows.items() if not numbers.is_missing(row["estimate"])}
    if not done:
        return style.empty_figure(title, tr("every method of this cohort failed"))
    ranked = sorted(done, key=lambda method: -float(done[method]["estimate"]))
    failed = [method for method in rows if method not in done]

    with style.style():
        figure = style.new_figure(7.5, 1.1 + 0.36 * len(rows))
        axes = figure.add_subplot()
        for place, method in enumerate(ranked):
            row = done[method]
            estimate, low, high = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
            colour = titles.arm_colour(method.arm)
            if not (numbers.is_missing(low) or numbers.is_missing(high)):
                axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(
                estimate,
                place,
                marker=style.marker(method.classifier),
                color=colour,
                markersize=8,
                markeredgecolor="white",
                zorder=3,
            )
            axes.annotate(
                numbers.with_interval(estimate, low, high),
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=9,
            )
        for place, _ in enumerate(failed, start=len(ranked)):
            axes.annotate(tr("failed"), (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=9)
        level = guessing(study.metric, study.n_classes(cohort))
        if level is not None:
            axes.axvline(level, color="#555555", linestyle=":", linewidth=1.2, zorder=0)
            axes.annotate(
                tr("guessing {score}", score=numbers.score(level)),
                (level, 1.0),
                xycoords=("data", "axes fraction"),
                va="bottom",
                ha="center",
                fontsize=8,
                color="#555555",
            )
        axes.set_yticks(range(len(rows)), [titles.short_method_title(method) for method in [*ranked, *failed]])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_xlabel(titles.metric_title(study.metric))
        axes.set_title(title, loc="left", pad=16)
    return figure
