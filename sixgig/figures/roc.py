"""ROC curves of every method of one cohort, from out-of-fold scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from sixgig.evaluation.classes import positive_class
from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Method, Study, classifier_order
from sixgig.words import numbers, titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="roc",
    title="ROC curves",
    caption=(
        "Out-of-fold scores are pooled within a repeat and the curves averaged over repeats; with more than two "
        "classes also over the one-versus-rest problems. AUC is the mean of the areas of the single curves. On the "
        "dotted line a score tells nothing."
    ),
    order=40,
    reads=("summary.csv",),
)

#: Points of the false-positive axis at which curves are averaged.
_GRID = np.linspace(0, 1, 401)
#: Curves that a legend inside a panel has room for, and panels beside each other.
_INSIDE, _ABREAST = 5, 3


class Curve(NamedTuple):
    """A mean ROC curve: false- and true-positive rates, float64 [n_points] each, and the mean area."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    area: float


def curve(predictions: pd.DataFrame, positive: str | None = None) -> Curve | None:
    """The mean ROC curve of one method.

    In each repeat all out-of-fold scores are pooled; the curves are then averaged vertically over repeats and, with
    more than two classes, over the one-versus-rest problems (macro average). The area is the average of the exact areas
    of the single curves, which is what the summary's AUC is; the averaged curve has that area up to the width of its
    grid.

    Args:
        predictions: Rows of the predictions table with its ``score_<class>`` columns.
        positive: The positive one of two classes; see :func:`sixgig.evaluation.metrics.positive_class`.

    Returns:
        The curve; None when there is no score column or only one class.
    """
    from sklearn.metrics import auc, roc_curve

    classes = sorted(str(name) for name in predictions["label"].unique())
    if len(classes) < 2 or any(f"score_{name}" not in predictions.columns for name in classes):
        return None
    positives = [positive_class(tuple(classes), positive)] if len(classes) == 2 else classes
    curves, areas = [], []
    for _, repeat in predictions.groupby("repeat"):
        for name in positives:
            truth = (repeat["label"] == name).to_numpy(dtype=bool)
            values = repeat[f"score_{name}"].to_numpy(dtype=float)
            if truth.all() or not truth.any() or np.isnan(values).any():
                return None
            false_positive, true_positive, _ = roc_curve(truth, values)
            areas.append(auc(false_positive, true_positive))
            curves.append(np.interp(_GRID, false_positive, true_positive))
    mean = np.mean(curves, axis=0)
    return Curve(np.concatenate([[0.0], _GRID]), np.concatenate([[0.0], mean]), float(np.mean(areas)))


def draw(study: Study, cohort: str) -> Figure:
    """Draw the mean ROC curve of every method, one panel per classifier.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; the area given for a curve is the mean over repeats, as in the summary.
    """
    title = tr("{cohort}: ROC curves of out-of-fold scores", cohort=titles.cohort_title(cohort))
    curves: dict[Method, Curve] = {}
    n_classes, asked = 0, study.positive(cohort)
    for method in study.methods(cohort):
        predictions = study.predictions(cohort, method)
        points = None if predictions is None or not method.reads_features else curve(predictions, asked)
        if predictions is not None and points is not None:
            curves[method] = points
            names = tuple(str(name) for name in predictions["label"].unique())
            n_classes, positive = len(names), positive_class(names, asked)
    if not curves:
        return style.empty_figure(title, tr("no method of this cohort has scores for two classes"))

    classifiers = sorted({method.classifier for method in curves}, key=classifier_order)
    with style.style():
        most = max(sum(method.classifier == name for method in curves) for name in classifiers)
        below = most > _INSIDE  # the legend would cover the curves
        # Of four classifiers two stand side by side, so that titles of arms stay readable.
        n_columns = len(classifiers) if len(classifiers) <= _ABREAST else 2
        n_rows = -(-len(classifiers) // n_columns)
        height = 4.5 + (0.22 * most if below else 0.4)
        figure = style.new_figure(max(4.6, 4.1 * n_columns), height * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
        for axes in panels[len(classifiers) :]:
            axes.set_visible(False)
        for axes, classifier in zip(panels, classifiers, strict=False):
            axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", linewidth=1)
            for method, points in curves.items():
                if method.classifier == classifier:
                    axes.plot(
                        points.false_positive,
                        points.true_positive,
                        color=titles.arm_colour(method.arm),
                        linestyle="--" if method.is_control else "-",
                        linewidth=1.7,
                        label=f"{titles.arm_title(method.arm)}, AUC {numbers.score(points.area)}",
                    )
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel=tr("False-positive rate"))
            axes.set_title(titles.classifier_title(classifier), fontsize=10)
            axes.grid()
            if below:
                axes.set_anchor("N")
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=8)
            else:
                axes.legend(loc="lower right", fontsize=8)
        for axes in panels[::n_columns]:
            axes.set_ylabel(tr("True-positive rate"))
        kind = (
            tr("positive class: {positive}", positive=positive)
            if n_classes == 2
            else tr("macro average of {number} one-versus-rest curves", number=n_classes)
        )
        figure.suptitle(f"{title} ({kind})", x=0.01, ha="left", fontsize=11)
    return figure
