"""The report's table of what images networks were made for, and what images they were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title


def network_input(study: Study) -> TableView:
    """One row per arm and way of preparing; deviations are bold. Without rows when no sidecar says."""
    table = TableView(
        "network-input",
        tr(
            "What images each network was made for, and what it was given where that differs (bold). Mean and standard "
            "deviation are the network's own. Its authors' cut through the centre is not made: at the border of a "
            "medical image lies evidence, so all of it is shown, on black where it is not square."
        ),
        [tr("Arm"), tr("Cohorts"), tr("Pixels a side"), tr("Filter"), tr("Share of the side shown")],
    )
    rows: dict[tuple[str, tuple[tuple[str, bool], ...]], list[str]] = {}
    for cohort in study.cohorts:
        for name in dict.fromkeys(method.arm for method in study.methods(cohort)):
            found = (study.sidecar(cohort, name) or {}).get("input")
            if found:
                said = tuple(_pair(found, key) for key in ("size", "filter", "crop"))
                rows.setdefault((name, said), []).append(cohort)
    for (name, pairs), cohorts in rows.items():
        cells = [Cell(words, strong=differs) for words, differs in pairs]
        table.rows.append([views.arm(name), views.text(", ".join(map(cohort_title, cohorts))), *cells])
    return table


def _pair(found: Mapping[str, Any], key: str) -> tuple[str, bool]:
    """Return what is said of the network's own value and the given one, and whether they differ."""
    own, given = (_shown(found[side].get(key)) for side in ("network", "given"))
    if own == given or found["network"].get(key) is None:  # what is not known is no deviation
        return given, False
    return tr("made for {own}, given: {given}", own=own, given=given), True


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " x ".join(numbers.count(one) for one in value)
    if isinstance(value, float):
        return numbers.short(value)
    return numbers.MISSING if value is None else str(value) if isinstance(value, str) else numbers.count(value)
