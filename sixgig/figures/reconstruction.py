"""How masked image modelling fills in masked evaluation volumes or images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sixgig.figures import style
from sixgig.figures.base import Kind
from sixgig.results.study import Study
from sixgig.tables.planes import CUTS
from sixgig.words import titles
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    name="reconstruction",
    title="Masked patches filled in",
    caption=(
        "Evaluation subjects, which the arm was not trained on. From left to right: what it was asked to restore, what "
        "it saw (grey: masked), what it made of it. Volumes are cut through the middle of the crop."
    ),
    order=90,
    needs="pictures",
)
_STATES = {"original": "original", "masked": "masked input", "reconstruction": "reconstruction"}


def draw(study: Study, cohort: str) -> Figure:
    """Draw a row for each item and plane: original, masked input, reconstruction.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The figure; an empty one that says why when the arm has no pictures.
    """
    arms = study.training.pictured_arms(cohort)
    names = ", ".join(titles.arm_title(arm) for arm in arms)
    title = tr("{cohort}: masked patches filled in by {arm}", cohort=titles.cohort_title(cohort), arm=names)
    found = [pictures for arm in arms if (pictures := study.training.pictures(cohort, arm))]
    if not found:
        return style.empty_figure(title, tr("masked image modelling was not trained to its end on this cohort"))
    rows = [(pictures, item) for pictures in found for item in range(len(pictures["original_0"]))]
    most = max(map(_planes, found))
    cuts = _cuts(study, cohort)
    # Volumes: one item, its planes side by side with the next item's; images: one item a column group.
    with style.style():
        figure = style.new_figure(1.25 * 3 * most, 0.5 + 1.45 * len(rows))
        panels = figure.subplots(len(rows), 3 * most, squeeze=False)
        for row, (pictures, item) in enumerate(rows):
            planes = _planes(pictures)
            for axes in panels[row, 3 * planes :]:
                axes.set_axis_off()
            for plane in range(planes):
                for place, (state, words) in enumerate(_STATES.items()):
                    axes = panels[row, 3 * plane + place]
                    axes.imshow(picture(pictures[f"{state}_{plane}"][item]), interpolation="nearest")
                    axes.set_xticks([])
                    axes.set_yticks([])
                    if item == 0:
                        axes.set_title(tr(words), fontsize=8)
                    if place == 0 and planes > 1 and cuts:
                        axes.set_ylabel(tr(cuts[plane]), fontsize=8)
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _cuts(study: Study, cohort: str) -> tuple[str, ...]:
    """Return the planes of a volume's three cuts; none where volumes of the cohort lie in several ways."""
    planes = list(study.cohort_info(cohort).get("planes") or ["axial"])
    return next((cuts for plane, cuts in CUTS.items() if [plane] == planes), ())


def _planes(pictures: dict[str, np.ndarray]) -> int:
    return sum(name.startswith("original_") for name in pictures)


def picture(values: np.ndarray) -> np.ndarray:
    """Turn channels [c, rows, columns] uint8 into RGB [rows, columns, 3]: one is grey, of more the first three."""
    shown = values if len(values) >= 3 else np.repeat(values[:1], 3, axis=0)
    return np.ascontiguousarray(np.moveaxis(shown[:3], 0, -1))
