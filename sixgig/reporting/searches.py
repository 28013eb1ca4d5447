"""What the report says about searches that could not compare what the study asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sixgig.results.study import Study
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title


def notes(study: Study) -> list[str]:
    """One sentence for each cohort, method and parameter whose values came to something else than was asked for."""
    said = []
    for cohort in study.cohorts:
        for method in study.methods(cohort):
            effect = study.method_facts(cohort, method).get("effect") or {}
            for parameter, values in effect.get("parameters", {}).items():
                text = tr(
                    "{cohort}, {method}: {parameter} {asked} came to {used} in {folds} of {of} folds, because the "
                    "vectors have {dimensions} dimensions there and more would reproduce every vector exactly. Of "
                    "{candidates} candidates {compared} differ; equal ones were dropped.",
                    cohort=cohort_title(cohort),
                    method=method_title(method),
                    parameter=parameter,
                    asked=", ".join(map(str, values["asked"])),
                    used=_span(values["used"]),
                    folds=effect["folds"],
                    of=effect["of"],
                    dimensions=_span(effect["dimensions"]),
                    candidates=effect["candidates"],
                    compared=_span(effect["compared"]),
                )
                said.append(text)
    return said


def _span(values: Sequence[Any]) -> str:
    low, high = values[0], values[-1]
    return str(low) if low == high else tr("{low} to {high}", low=low, high=high)
