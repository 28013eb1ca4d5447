"""Reliability curves of every method of one cohort, as small multiples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.evaluation.calibration import Reliability, reliability
from sixgig.evaluation.classes import positive_class
from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.figures.panels import Panels
from sixgig.results.study import Study, classifier_order
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    name="calibration",
    title="Calibration of the scores",
    caption=(
        "Out-of-fold scores of all repeats, in bins of about equally many predictions; bars are Wilson intervals of "
        "the observed share at the study's level. On the dotted line scores come true as often as they say; below "
        "it they promise too much. Error: mean distance from the line; by chance: what perfect scores would show "
        "on as many subjects."
    ),
    caption_of_images=(
        "Out-of-fold scores of the images in all repeats, in bins of about equally many predictions; bars are Wilson "
        "intervals of the observed share at the study's level, widened because images of one subject are alike. "
        "On the dotted line scores come true as often as they say; below it they promise too much. Error: mean "
        "distance from the line; by chance: what perfect scores would show on as many images."
    ),
    order=50,
    reads=("summary.csv",),
)

_TICKS = (0.0, 0.5, 1.0)


def draw(study: Study, cohort: str) -> Figure:
    """Draw one reliability curve per arm (columns of panels) and classifier (rows), in several rows for many arms.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; the majority-class control is left out, because its score is the same throughout a fold.
    """
    title = tr("{cohort}: how often scores come true", cohort=titles.cohort_title(cohort))
    methods = [method for method in study.methods(cohort) if method.reads_features]
    predictions = {method: study.predictions(cohort, method) for method in methods}
    frames = [frame for frame in predictions.values() if frame is not None]
    if not frames:
        return style.empty_figure(title, tr("no method of this cohort made predictions"))
    classes = tuple(sorted({str(name) for frame in frames for name in frame["label"]}))
    positive = study.positive(cohort)
    arms = list(dict.fromkeys(method.arm for method in methods))
    classifiers = sorted({method.classifier for method in methods}, key=classifier_order)

    with style.style():
        side = 1.75
        grid = Panels.of(len(arms), len(classifiers))
        figure = style.new_figure(max(4.5, 0.9 + side * grid.columns), 0.9 + (side + 0.2) * grid.rows)
        panels = figure.subplots(grid.rows, grid.columns, squeeze=False, sharex=True, sharey=True)
        for axes in panels.flat:
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
            # Texts, not a formatter, which would run when the figure is saved and no language is chosen any more.
            axes.set_xticks(_TICKS, [numbers.localised(f"{tick:g}") for tick in _TICKS])
            axes.set_yticks(_TICKS, [numbers.localised(f"{tick:g}") for tick in _TICKS])
            axes.tick_params(labelsize=8)
            axes.grid()
        for method in methods:
            axes = panels[grid.place(arms.index(method.arm), classifiers.index(method.classifier))]
            frame = predictions[method]
            if frame is None:
                axes.text(0.5, 0.5, tr("failed"), ha="center", va="center", color="#555555")
            else:
                _panel(axes, reliability(frame, positive, study.alpha), titles.arm_colour(method.arm))
        grid.finish(panels)
        for number, arm in enumerate(arms):
            panels[grid.place(number, 0)].set_title(
                titles.arm_title(arm).replace(tr(" (control)"), "\n" + tr(" (control)").strip()), fontsize=9
            )
        for row in range(grid.rows):
            classifier = classifiers[row % len(classifiers)]
            panels[row, 0].set_ylabel(titles.classifier_title(classifier) + "\n" + tr("observed share"), fontsize=9)
        if len(classes) == 2:
            shown = positive_class(classes, positive)
            what = (
                tr("score of {positive}; observed: share of images of this class", positive=shown)
                if study.metrics_of(cohort) == "image"
                else tr("score of {positive}; observed: share of subjects of this class", positive=shown)
            )
        else:
            what = tr("score of the predicted class; observed: share of predictions that are right")
        figure.supxlabel(what, fontsize=9)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _panel(axes: Axes, curve: Reliability, colour: str) -> None:
    """One method: points with intervals, the diagonal, and the calibration error in the free corner."""
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", linewidth=1)
    axes.vlines(curve.promised, curve.low, curve.high, color=colour, linewidth=1.2, alpha=0.6)
    axes.plot(curve.promised, curve.observed, color=colour, marker="o", markersize=3.5, linewidth=1.4)
    below = (curve.observed - curve.promised) @ curve.n_subjects <= 0
    axes.annotate(
        tr(
            "error {error}\nby chance {chance}",
            error=numbers.score(curve.error),
            chance=numbers.score(curve.error_if_calibrated),
        ),
        (0.04, 0.96) if below else (0.97, 0.04),
        xycoords="axes fraction",
        ha="left" if below else "right",
        va="top" if below else "bottom",
        fontsize=7,
    )
