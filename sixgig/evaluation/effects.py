"""What became of a search's candidates where the features do not allow what the study asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sixgig.classifiers.search import Effect

#: Column of a table of choices, present where candidates came to something else than was asked for in any fold: an
#: :class:`Effect`, or None in folds where they did not.
EFFECT_COLUMN = "effect"


def effects_of(choices: pd.DataFrame) -> list[Effect | None]:
    """Return what became of the candidates in every fold of a table of choices, in its order."""
    found = choices[EFFECT_COLUMN] if EFFECT_COLUMN in choices else [None] * len(choices)
    return [each if isinstance(each, Effect) else None for each in found]


def plain(choices: pd.DataFrame) -> pd.DataFrame:
    """Return a table of choices without the column of effects."""
    return choices.drop(columns=EFFECT_COLUMN, errors="ignore")


def summed(effects: Sequence[Effect | None]) -> dict[str, Any] | None:
    """Sum up the outer folds of one classifier on one arm's features.

    Args:
        effects: Of every outer fold; None where all candidates came to what was asked for.

    Returns:
        ``parameters`` (name -> ``asked`` and ``used``, ascending), ``dimensions`` of the vectors that the classifier
        was given (least, most), ``folds`` that were changed ``of`` how many, ``candidates``, ``compared`` (fewest,
        most) after equal ones were dropped, and ``reason``. None where no fold changed anything.
    """
    found = [effect for effect in effects if effect is not None]
    if not found:
        return None
    return {
        "parameters": {
            name: {
                "asked": sorted({value for each in found for value in each.asked.get(name, [])}),
                "used": sorted({value for each in found for value in each.used.get(name, [])}),
            }
            for name in sorted({name for each in found for name in each.asked})
        },
        "dimensions": [min(min(each.n_features) for each in found), max(max(each.n_features) for each in found)],
        "folds": len(found),
        "of": len(effects),
        "candidates": found[0].candidates,
        "compared": [min(each.compared for each in found), max(each.compared for each in found)],
        "reason": found[0].reason,
    }


def sentence(facts: dict[str, Any]) -> str:
    """Return :func:`summed` in words, for the log."""
    changes = "; ".join(
        f"{name} {', '.join(map(str, values['asked']))} came to {span([values['used'][0], values['used'][-1]])}"
        for name, values in facts["parameters"].items()
    )
    return (
        f"{changes} in {facts['folds']} of {facts['of']} folds, on vectors of {span(facts['dimensions'])} dimensions: "
        f"{facts['reason']}. {span(facts['compared'])} of {facts['candidates']} candidates differ; equal ones were "
        "dropped"
    )


def span(ends: Sequence[Any]) -> str:
    """Return ``2 to 3``, or ``3`` when both ends are equal."""
    low, high = ends[0], ends[-1]
    return str(low) if low == high else f"{low} to {high}"
