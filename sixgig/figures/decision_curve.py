"""Decision curves of every method of one cohort, against treating everybody and nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study, classifier_order
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="decision_curve",
    title="Decision curves",
    caption=(
        "Net benefit by the probability from which on one would treat: true positives in a population of one, less the "
        "false positives, weighed by what that probability says a needless treatment costs against a missed one. Use "
        "of a method pays only where its curve lies above both treating everybody and treating nobody. Probabilities "
        "are out of fold."
    ),
    order=55,
    reads=("summary.csv", "statistics/decision_curve.csv"),
)

#: How far below nothing the axis goes, as a share of the prevalence.
_BELOW = 0.25


def draw(study: Study, cohort: str) -> Figure:
    """Draw the decision curve of every method, one panel per classifier.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says so for a cohort without two classes.
    """
    title = tr("{cohort}: decision curves", cohort=titles.cohort_title(cohort))
    rows = study.decision_curve
    rows = rows[rows["cohort"] == cohort]
    methods = [method for method in study.methods(cohort) if method.reads_features]
    methods = [
        method for method in methods if ((rows["arm"] == method.arm) & (rows["classifier"] == method.classifier)).any()
    ]
    if not methods:
        return style.empty_figure(
            title, tr("decision curves are of two classes, and no method here decides between two")
        )
    classifiers = sorted({method.classifier for method in methods}, key=classifier_order)
    prevalence = float(rows["prevalence"].iloc[0])
    with style.style():
        figure = style.new_figure(max(4.6, 4.1 * len(classifiers)), 4.2)
        panels = figure.subplots(1, len(classifiers), squeeze=False, sharey=True)[0]
        for axes, classifier in zip(panels, classifiers, strict=True):
            own = [method for method in methods if method.classifier == classifier]
            for method in own:
                curve = rows[(rows["arm"] == method.arm) & (rows["classifier"] == classifier)]
                axes.plot(
                    curve["threshold"],
                    curve["net_benefit"],
                    color=titles.arm_colour(method.arm),
                    linestyle="--" if method.is_control else "-",
                    linewidth=1.5,
                    label=titles.arm_title(method.arm),
                )
            everybody = rows[(rows["arm"] == own[0].arm) & (rows["classifier"] == classifier)]
            axes.plot(
                everybody["threshold"], everybody["treat_all"], color="#555555", linewidth=1, label=tr("everybody")
            )
            axes.axhline(0, color="#999999", linestyle=":", linewidth=1, label=tr("nobody"))
            axes.set(xlim=(0, 1), ylim=(-_BELOW * prevalence, 1.05 * prevalence))
            ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
            axes.set_xticks(ticks, [numbers.localised(f"{tick:g}") for tick in ticks])
            axes.set_xlabel(tr("Threshold probability"))
            axes.set_title(titles.classifier_title(classifier), fontsize=10)
            heights = [tick for tick in axes.get_yticks() if -_BELOW * prevalence <= tick <= 1.05 * prevalence]
            axes.set_yticks(heights, [numbers.localised(f"{tick:g}") for tick in heights])
            axes.grid()
            axes.legend(loc="upper right", fontsize=7)
        panels[0].set_ylabel(tr("Net benefit"))
        share = numbers.percent(prevalence)
        figure.suptitle(f"{title} ({tr('prevalence {share}', share=share)})", x=0.01, ha="left", fontsize=11)
    return figure
