"""A plan as one self-contained page, in the style of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sixgig.forecast.answer import Answer
from sixgig.forecast.needed import StudyJob
from sixgig.forecast.reasons import main_reason, name_of, reason_lines, sentence
from sixgig.forecast.screen import hours
from sixgig.forecast.wording import clock, duration, size
from sixgig.reporting.page import TEMPLATES
from sixgig.runtime.atomic import write_text
from sixgig.version import __version__

_OWN = Path(__file__).parent / "templates"
#: Bars of the timeline, the width of their names, and of the whole drawing.
_MOST_BARS, _NAMES, _WIDTH = 20, 300, 1000
_STEPS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 8 * 3600, 24 * 3600)


def write_page(answer: Answer, file: Path) -> None:
    """Write a plan as an HTML page that needs no other file.

    Args:
        answer: The plan.
        file: The HTML file.
    """
    write_text(file, render(answer))


def render(answer: Answer) -> str:
    """Return the page; see :func:`write_page`."""
    environment = Environment(
        loader=FileSystemLoader(_OWN), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("plan.html.j2").render(
        answer=answer,
        expected={line.name: line for line in answer.expected},
        reasons=reason_lines(answer.jobs, answer.overview.row_of),
        due=[(job, answer.costs.get(job.key)) for job in answer.jobs if job.needed],
        bars=bars(answer),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
        version=__version__,
        clock=clock,
        duration=duration,
        size=size,
        hours=hours,
        name_of=name_of,
        why=_why,
    )


def _why(job: StudyJob) -> str:
    reason = main_reason(job)
    return sentence(reason) if reason else ""


def bars(answer: Answer) -> dict[str, Any]:
    """Return the lines and ticks of the timeline: the longest jobs by their start."""
    slots = answer.schedule.slots
    long = sorted(slots, key=lambda key: -answer.costs[key].seconds if key in answer.costs else 0.0)
    shown = sorted(
        (key for key in long[:_MOST_BARS] if key in answer.costs and answer.costs[key].seconds > 0),
        key=lambda key: slots[key].start,
    )
    if not shown or answer.seconds <= 0:
        return {"lines": [], "ticks": [], "height": 0}
    scale = (_WIDTH - _NAMES) / answer.seconds
    lines = []
    for place, key in enumerate(shown):
        start, seconds = slots[key].start, answer.costs[key].seconds
        lines.append(
            {
                "name": name_of(key) if len(name_of(key)) < 44 else f"{name_of(key)[:41]}...",
                "y": 20 * place,
                "x": round(_NAMES + scale * start, 1),
                "width": round(max(1.5, scale * seconds), 1),
                "critical": key in answer.schedule.critical_path,
                "title": f"{name_of(key)}: {duration(seconds)}, from {duration(start) if start else 'the start'}",
            }
        )
    step = next((step for step in _STEPS if answer.seconds / step <= 8), _STEPS[-1])
    n_ticks = int(answer.seconds // step)
    ticks = [
        {
            "x": round(_NAMES + scale * step * number, 1),
            "text": duration(step * number) if number else "start",
            "anchor": "end" if _NAMES + scale * step * number > _WIDTH - 30 else "middle",
        }
        for number in range(n_ticks + 1)
    ]
    return {"lines": lines, "ticks": ticks, "height": 20 * len(shown) + 24}
