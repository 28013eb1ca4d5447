"""Box plots of the fold scores of every method of one cohort."""

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
    name="scores",
    title="Scores of the test folds",
    caption=(
        "One dot per test fold and repeat; box: quartiles and median; whiskers: 1.5 interquartile ranges. Folds of "
        "one cross-validation share subjects and are not independent, so the width of a box is not an error bar."
    ),
    order=20,
    reads=("summary.csv", "metrics.csv"),
)


def draw(study: Study, cohort: str) -> Figure:
    """Draw one box per arm and classifier over its test-fold scores, with the scores as dots.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when no method has a fold score.
    """
    title = tr(
        "{cohort}: {metric} in each test fold",
        cohort=titles.cohort_title(cohort),
        metric=titles.metric_words(study.metric),
    )
    frame = study.metrics
    frame = frame[(frame["cohort"] == cohort) & (frame["metric"] == study.metric)].dropna(subset=["value"])
    scores = {}
    methods = study.methods(cohort)
    for method in methods:
        values = frame[(frame["arm"] == method.arm) & (frame["classifier"] == method.classifier)]["value"]
        if len(values):
            scores[method] = values.to_numpy(dtype=float)
    if not scores:
        return style.empty_figure(title, tr("no method of this cohort has a fold score"))

    with style.style():
        figure = style.new_figure(7.5, 0.9 + 0.42 * len(methods))
        axes = figure.add_subplot()
        jitter = np.random.default_rng(0)  # only spreads the dots; fixed, so that the file is the same every time
        for row, method in enumerate(methods):
            if method not in scores:
                axes.annotate(
                    tr("failed"), (0.01, row), xycoords=("axes fraction", "data"), va="center", color="#555555"
                )
                continue
            folds = scores[method]
            colour = titles.arm_colour(method.arm)
            axes.boxplot(
                folds,
                positions=[row],
                widths=0.6,
                orientation="horizontal",
                showfliers=False,
                patch_artist=True,
                boxprops={
                    "facecolor": f"{colour}44",
                    "edgecolor": colour,
                    "linestyle": style.line_style(method.classifier),
                },
                medianprops={"color": "black", "linewidth": 1.6},
                whiskerprops={"color": colour},
                capprops={"color": colour},
            )
            axes.scatter(
                folds,
                row + jitter.uniform(-0.18, 0.18, len(folds)),
                s=14,
                color=colour,
                marker=style.marker(method.classifier),
                edgecolor="white",
                linewidth=0.4,
                zorder=3,
            )
        axes.set_yticks(range(len(methods)), [titles.short_method_title(method) for method in methods])
        axes.set_ylim(len(methods) - 0.4, -0.6)
        axes.grid(axis="x")
        metric = titles.metric_title(study.metric)
        axes.set_xlabel(
            tr("{metric} on the images of one test fold", metric=metric)
            if study.metrics_of(cohort) == "image"
            else tr("{metric} on the subjects of one test fold", metric=metric)
        )
        axes.set_title(title, loc="left")
    return figure
