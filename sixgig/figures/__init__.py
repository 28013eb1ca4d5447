"""Figures of a study: one module per kind of figure, all in one style.

``draw_all`` writes ``<folder>/<cohort>/<kind>.svg``, ``.png`` and ``.pdf`` for every cohort and every kind in
:data:`KINDS`, and ``<folder>/<kind>.svg`` and so on for every kind in :data:`STUDY_KINDS`.
"""

from sixgig.figures.catalogue import (
    KINDS,
    STUDY_KINDS,
    FigureInfo,
    draw_all,
    draw_cohort,
    draw_over_cohorts,
    figure_list,
    study_figure_list,
)

__all__ = [
    "KINDS",
    "STUDY_KINDS",
    "FigureInfo",
    "draw_all",
    "draw_cohort",
    "draw_over_cohorts",
    "figure_list",
    "study_figure_list",
]
