"""The report's table of features that the user's own tools computed, and what was found in their files."""

from __future__ import annotations

from typing import Any

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr


def own_features(study: Study) -> TableView:
    """One row per arm and cohort; columns that may be the label are bold. Without rows when no arm reads files."""
    table = TableView(
        "own-features",
        tr(
            "Features that other tools computed. sixgig cannot check whether they were learned from evaluation "
            "subjects; what the study file says of it stands here. A column whose value follows from the class (bold) "
            "may be the label itself: results of that arm then say nothing."
        ),
        [
            tr("Arm"),
            tr("Cohort"),
            tr("File"),
            tr("Checksum"),
            tr("Produced by"),
            tr("Learned from"),
            tr("Columns"),
            tr("Constant columns"),
            tr("Rows of no sample"),
            tr("Columns that follow from the class"),
        ],
    )
    for cohort in study.cohorts:
        for name in dict.fromkeys(method.arm for method in study.methods(cohort)):
            found = (study.sidecar(cohort, name) or {}).get("own_features")
            if found:
                table.rows.append([views.arm(name), views.text(cohort), *_cells(found)])
    return table


def label_leaks(study: Study, cohort: str, arm: str) -> list[str]:
    """Return a sentence when columns of an arm's own features may be the label; nothing for most arms."""
    found = (study.sidecar(cohort, arm) or {}).get("own_features") or {}
    columns = ", ".join(found.get("label_columns", []))
    if not columns:
        return []
    return [
        tr(
            "the value of {columns} follows from the class: these columns may be the label, and results then say "
            "nothing",
            columns=columns,
        )
    ]


def _cells(found: dict[str, Any]) -> list[Cell]:
    leaking = ", ".join(found["label_columns"])
    return [
        views.text(found["file"]),
        views.text(found["sha256"][:12]),
        views.text(found["produced_by"]),
        views.text(found["learned_from"] or tr("not said")),
        views.number(found["columns"], numbers.count),
        views.number(found["constant_columns"], numbers.count),
        views.number(found["extra_rows"], numbers.count),
        Cell(leaking or tr("none"), strong=bool(leaking)),
    ]
