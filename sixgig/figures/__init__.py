"""Figures of a study: one module per kind of figure, all in one style.

``draw_all`` writes ``<folder>/<cohort>/<kind>.svg`` and ``.png`` for every cohort and every kind in :data:`KINDS`.
"""

from sixgig.figures.catalogue import KINDS, FigureInfo, draw_all, draw_cohort, figure_list

__all__ = ["KINDS", "FigureInfo", "draw_all", "draw_cohort", "figure_list"]
