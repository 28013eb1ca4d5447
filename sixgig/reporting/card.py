"""What the report says about the GPU: what it showed while jobs ran on it, as numbers and as small curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title

_WIDTH, _HEIGHT, _MARGIN = 220, 44, 3
#: What the lower and the upper border of a curve stand for, when no value lies beyond.
_SCALES = {"memory_mb": (0.0, 1.0), "utilisation": (0.0, 100.0), "temperature": (20.0, 90.0), "power_watt": (0.0, 1.0)}


@dataclass(frozen=True)
class Watched:
    """One job on a card: its cohort, arm and stage, and the ``gpu`` of its sidecar."""

    cohort: str
    arm: str
    stage: str
    gpu: dict[str, Any]


@dataclass(frozen=True)
class Course:
    """The curves of one job, each with its name and its drawing."""

    title: str
    curves: Sequence[tuple[str, Markup]]


def watched(study: Study) -> Iterator[Watched]:
    """Yield the jobs that ran on a card, in the order of the report; none in a study that ran on a CPU."""
    for cohort in study.cohorts:
        for arm in study.training.arms(cohort):
            gpu = study.training.facts(cohort, arm).get("gpu")
            if gpu:
                yield Watched(cohort, arm, "pretrain", gpu)
        for arm in dict.fromkeys(method.arm for method in study.methods(cohort)):
            gpu = (study.sidecar(cohort, arm) or {}).get("gpu")
            if gpu:
                yield Watched(cohort, arm, "encode", gpu)


def card(study: Study) -> TableView:
    """One row per job on a card; no row in a study that ran on a CPU."""
    table = TableView(
        "card-table",
        tr(
            "What the GPU showed while jobs ran on it. Memory is that of the whole card, with every other program on "
            "it. n/a: the card does not tell. Paused: time that a job waited for the card to cool."
        ),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Stage"),
            tr("Peak card memory"),
            tr("Mean load"),
            tr("Peak temperature"),
            tr("Mean power"),
            tr("Paused"),
            tr("Watched by"),
        ],
    )
    for job in watched(study):
        gpu = job.gpu
        table.rows.append(
            [
                views.cohort(job.cohort),
                views.arm(job.arm),
                views.text(job.stage),
                views.number(gpu.get("card_memory_peak_mb"), numbers.mebibytes),
                _measured(gpu.get("utilisation_mean_percent"), "%"),
                _measured(gpu.get("temperature_peak_celsius"), "°C"),
                _measured(gpu.get("power_mean_watt"), "W"),
                views.number(gpu["seconds_paused"], numbers.seconds) if "seconds_paused" in gpu else Cell(tr("none")),
                Cell(str(gpu.get("problem") or gpu.get("monitor") or numbers.MISSING)),
            ]
        )
    return table


def courses(study: Study) -> list[Course]:
    """Return the curves of every job on a card over its time, as small drawings."""
    names = {
        "memory_mb": (tr("memory of the card"), "MiB"),
        "utilisation": (tr("load"), "%"),
        "temperature": (tr("temperature"), "°C"),
        "power_watt": (tr("power"), "W"),
    }
    found = []
    for job in watched(study):
        series = job.gpu.get("series") or {}
        curves = []
        for quantity, (name, unit) in names.items():
            values = series.get(quantity)
            if values and any(value is not None for value in values):
                curves.append((_range(name, values, unit), _curve(series["seconds"], values, name, _SCALES[quantity])))
        if curves:
            duration = numbers.seconds(series["seconds"][-1])
            found.append(
                Course(f"{cohort_title(job.cohort)}, {views.arm(job.arm).text}, {job.stage}: {duration}", curves)
            )
    return found


def _measured(value: Any, unit: str) -> Cell:
    if numbers.is_missing(value):
        return Cell(numbers.MISSING, numeric=True)
    return Cell(numbers.localised(f"{value:.0f}") + f" {unit}", float(value), numeric=True)


def _range(name: str, values: Sequence[float | None], unit: str) -> str:
    told = [value for value in values if value is not None]
    low, high = (numbers.localised(f"{value:.0f}") for value in (min(told), max(told)))
    return tr("{name}, {low} to {high} {unit}", name=name, low=low, high=high, unit=unit)


def _curve(seconds: Sequence[float], values: Sequence[float | None], name: str, scale: tuple[float, float]) -> Markup:
    """Draw values over time, with a gap where the card did not tell."""
    told = [value for value in values if value is not None]
    low, high = min(scale[0], *told), max(scale[1], *told)
    first, last = seconds[0], seconds[-1]

    def place(second: float, value: float) -> str:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * ((second - first) / (last - first) if last > first else 0.5)
        y = _MARGIN + (_HEIGHT - 2 * _MARGIN) * (1 - (value - low) / (high - low))
        return f"{x:.1f} {y:.1f}"

    path, pen = "", "M"
    for second, value in zip(seconds, values, strict=True):
        if value is None:
            pen = "M"
            continue
        path += pen + place(second, value)
        pen = "L"
    return Markup(
        '<svg role="img" aria-label="{name}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        '<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" '
        'stroke-linecap="round"/></svg>'
    ).format(name=name, width=_WIDTH, height=_HEIGHT, path=path)
