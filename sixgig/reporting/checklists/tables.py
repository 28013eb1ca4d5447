"""The two checklists as tables: number, topic, and what the study knows or the authors have to say."""

from __future__ import annotations

from collections.abc import Iterable

from sixgig.reporting.checklists.answers import Answers
from sixgig.reporting.checklists.items import CLAIM, TRIPOD_AI, Item
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words.language import tr


def tripod_ai(study: Study) -> TableView:
    """TRIPOD+AI (2024), filled in where the study knows the answer."""
    return _table(study, "tripod-ai", "TRIPOD+AI (Collins et al., BMJ 385:e078378, 2024)", TRIPOD_AI)


def claim(study: Study) -> TableView:
    """CLAIM (update of 2024), filled in where the study knows the answer."""
    return _table(study, "claim", "CLAIM (Tejani et al., Radiology: AI 6:e240300, 2024)", CLAIM)


def _table(study: Study, name: str, guideline: str, items: Iterable[Item]) -> TableView:
    answers = Answers(study)
    blank = tr("To be filled in by the authors.")
    view = TableView(
        name,
        tr(
            "{guideline}: what this study says of each item. The numbers are the guideline's, the words are not: read "
            "its own before you submit. What the study cannot know is left to you, and what it says may need more.",
            guideline=guideline,
        ),
        [tr("Item"), tr("About"), tr("From this study")],
        sortable=False,
    )
    for item in items:
        said = getattr(answers, item.answer)() if item.answer else ""
        view.rows.append([Cell(item.number), Cell(tr(item.topic)), Cell(said or blank)])
    return view
