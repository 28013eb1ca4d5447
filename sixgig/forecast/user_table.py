"""The hours that the user expects on the laptop, beside ours. Those of an arm stand in its ``look.yaml``."""

from __future__ import annotations

from sixgig.arms.registry import looks
from sixgig.forecast.answer import Expected
from sixgig.forecast.overview import Overview

#: Least and most hours of whole stages, and of the study.
_STAGES = {"classify": (1.0, 3.0), "statistics": (1 / 6, 0.5)}
_TOTAL = (20.0, 40.0)


def user_table(overview: Overview, seconds: float) -> list[Expected]:
    """Return the user's table with what we predict.

    Args:
        overview: The plan, gathered.
        seconds: What we predict for the study from start to end.
    """
    lines = []
    known = looks()
    for row in overview.rows:
        span = tuple(known[row.name].hours) if row.is_part and row.name in known else ()
        if not row.is_part:
            span = _STAGES.get(row.name, ())
        if span:
            lines.append(Expected(row.name, row.title, span[0], span[1], row.seconds))
    return [*lines, Expected("total", "in all", *_TOTAL, seconds)]
