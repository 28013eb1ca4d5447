"""What the arm, the classifier and their interaction explain of the variance between methods, cohort by cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="factors",
    title="Arm or classifier",
    caption=(
        "How the variance between the estimates of a cohort divides among arm, classifier, and what is left: their "
        "interaction, which cannot be told from noise. Controls do not count. The shares describe; they are no test."
    ),
    order=20,
    reads=("statistics/factors.csv",),
    over_cohorts=True,
)

#: Factors with the words and the colour of their part of a bar: Okabe and Ito's blue and orange, and grey for the rest.
PARTS = {
    "arm": ("arm", "#0072B2"),
    "classifier": ("classifier", "#E69F00"),
    "interaction": ("interaction and noise", "#BBBBBB"),
}
#: Narrower parts of a bar than this have no room for their number.
_READABLE = 0.05


def draw(study: Study) -> Figure:
    """Draw one bar per cohort, divided among the factors.

    Args:
        study: The study.

    Returns:
        The figure; an empty one that says why when the variance of no cohort can be divided.
    """
    title = tr("What explains the differences in {metric}", metric=titles.metric_words(study.metric))
    rows = study.factors[study.factors["eta_squared"].notna()]
    cohorts = [str(cohort) for cohort in rows["cohort"].unique()]
    if not cohorts:
        return style.empty_figure(title, tr("no cohort has two arms and two classifiers with different estimates"))
    with style.style():
        figure = style.new_figure(8.6, 1.5 + 0.45 * len(cohorts))
        axes = figure.add_subplot()
        start = dict.fromkeys(cohorts, 0.0)
        for factor, (words, colour) in PARTS.items():
            shares = rows[rows["factor"] == factor].set_index("cohort")["eta_squared"].astype(float)
            widths = [float(shares[cohort]) for cohort in cohorts]
            axes.barh(
                [titles.cohort_title(name) for name in cohorts],
                widths,
                left=[start[name] for name in cohorts],
                color=colour,
                label=tr(words),
            )
            for place, (cohort, width) in enumerate(zip(cohorts, widths, strict=True)):
                if width >= _READABLE:
                    middle = start[cohort] + width / 2
                    ink = "white" if factor == "arm" else "black"
                    axes.text(middle, place, numbers.percent(width), ha="center", va="center", fontsize=9, color=ink)
                start[cohort] += width
        axes.set_xlim(0, 1)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(lambda value, _: numbers.percent(value))
        axes.set_xlabel(tr("share of the variance between methods (eta squared)"))
        axes.set_title(title, loc="left")
        figure.legend(loc="outside lower center", ncols=len(PARTS), fontsize=9)
    return figure
