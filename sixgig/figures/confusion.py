"""Confusion matrices of every method of one cohort, row-normalised, as small multiples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.figures.panels import Panels
from sixgig.results.study import Study, classifier_order
from sixgig.words import titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="confusion",
    title="Confusion matrices",
    caption=(
        "Each row is a true class and adds up to 100%; a good method is dark on the diagonal. Out-of-fold "
        "predictions of all repeats are pooled."
    ),
    order=30,
    reads=("summary.csv",),
)


def shares(predictions: pd.DataFrame, classes: list[str]) -> np.ndarray:
    """Share of each true class (rows) that was predicted as each class (columns), over all repeats.

    Args:
        predictions: Rows of the predictions table.
        classes: Class names, in order.

    Returns:
        float64 [n_classes, n_classes]; a row sums to one, or is NaN when its class has no subject.
    """
    table = pd.crosstab(predictions["label"], predictions["predicted"]).reindex(index=classes, columns=classes)
    counts = table.fillna(0).to_numpy(dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def draw(study: Study, cohort: str) -> Figure:
    """Draw one matrix per arm (columns of panels) and classifier (rows of panels); many arms take several rows.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; the majority-class control is left out, because its matrix is known before it is drawn.
    """
    title = tr("{cohort}: share of each true class predicted as each class", cohort=titles.cohort_title(cohort))
    methods = [method for method in study.methods(cohort) if method.reads_features]
    predictions = {method: study.predictions(cohort, method) for method in methods}
    frames = [frame for frame in predictions.values() if frame is not None]
    if not frames:
        return style.empty_figure(title, tr("no method of this cohort made predictions"))
    classes = sorted({str(name) for frame in frames for column in ("label", "predicted") for name in frame[column]})
    arms = list(dict.fromkeys(method.arm for method in methods))
    classifiers = sorted({method.classifier for method in methods}, key=classifier_order)

    with style.style():
        side = 1.75 if len(classes) <= 3 else 2.15
        grid = Panels.of(len(arms), len(classifiers))
        figure = style.new_figure(max(4.5, 0.9 + side * grid.columns), 0.9 + (side + 0.25) * grid.rows)
        panels = figure.subplots(grid.rows, grid.columns, squeeze=False, sharex=True, sharey=True)
        for method in methods:
            axes = panels[grid.place(arms.index(method.arm), classifiers.index(method.classifier))]
            frame = predictions[method]
            values = shares(frame, classes) if frame is not None else np.full((len(classes),) * 2, np.nan)
            axes.imshow(values, vmin=0, vmax=1, cmap="Blues")
            for i, j in np.ndindex(values.shape):
                if not np.isnan(values[i, j]):
                    axes.text(
                        j,
                        i,
                        f"{100 * values[i, j]:.0f}",
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="white" if values[i, j] > 0.55 else "black",
                    )
            if frame is None:
                axes.text(0.5, 0.5, tr("failed"), transform=axes.transAxes, ha="center", va="center", color="#555555")
        for axes in panels.flat:
            axes.set_xticks(range(len(classes)), classes, rotation=45 if max(map(len, classes)) > 3 else 0, fontsize=8)
            axes.set_yticks(range(len(classes)), classes, fontsize=8)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        grid.finish(panels)
        for number, arm in enumerate(arms):
            panels[grid.place(number, 0)].set_title(
                titles.arm_title(arm).replace(tr(" (control)"), "\n" + tr(" (control)").strip()), fontsize=9
            )
        for row in range(grid.rows):
            classifier = classifiers[row % len(classifiers)]
            panels[row, 0].set_ylabel(titles.classifier_title(classifier) + "\n" + tr("true class"), fontsize=9)
        figure.supxlabel(tr("predicted class; the numbers are percent of the row"), fontsize=9)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure
