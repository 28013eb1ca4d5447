"""The verdicts of a study as one table, for a paper: what the first screen says of every cohort."""

from __future__ import annotations

from sixgig.reporting import verdict, views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.verdicts.judging import LEVELS
from sixgig.words.language import tr
from sixgig.words.titles import metric_words


def verdicts(study: Study) -> TableView:
    """One row per cohort, real cohorts first."""
    view = TableView(
        "verdicts-table",
        tr(
            "What each cohort shows by {metric}; only the planned comparisons make an arm better than another. "
            "Simulated cohorts say nothing about patients.",
            metric=metric_words(study.metric),
        ),
        [tr("Cohort"), tr("Images"), tr("Level"), tr("Verdict"), tr("Why")],
        sortable=False,
    )
    for found in verdict.judgements(study):
        images = tr("simulated") if study.is_simulated(found.cohort) else tr("real")
        level, why = tr(LEVELS[found.level]), " ".join(found.sentences)
        cells = [Cell(text) for text in (images, level)]
        view.rows.append([views.cohort(found.cohort), *cells, Cell(found.headline, strong=True), Cell(why)])
    return view
