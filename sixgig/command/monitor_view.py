"""How `sixgig monitor` looks: a table of jobs, a line for each card, a line for the machine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sixgig.command.monitor_state import Frame, Host, StudyState
from sixgig.gpu.readers import Sample
from sixgig.runtime.running import Running
from sixgig.telling.lines import in_words, per_cent, when

#: From this width on, a table also tells rates and processes.
_WIDE = 100
#: A job that was silent for longer says so, in seconds.
_SILENT = 60.0
#: Shares in per cent above which a number is shown in yellow and in red; degrees for a temperature.
_FULL, _HOT = (85.0, 95.0), (80.0, 87.0)


def render(frame: Frame, width: int) -> RenderableType:
    """Return a frame for a terminal of so many columns."""
    parts: list[RenderableType] = [_study(study, frame.now, width) for study in frame.studies]
    if not frame.studies:
        parts.append(Panel(Text("No study has run here. Start one with: sixgig run STUDY.yaml"), title="no study"))
    cards: list[RenderableType] = [_card(card, width) for card in frame.cards]
    machine = [*(cards or [Text(f"GPU   {frame.no_card}", style="dim")]), *_machine(frame.host, width)]
    parts.append(Panel(Group(*machine), title="machine", title_align="left"))
    return Group(*parts)


def _study(study: StudyState, now: float, width: int) -> RenderableType:
    rows: list[RenderableType] = []
    if study.whole is not None:
        rows.append(Text(_whole(study.whole, now), style="bold"))
    if study.running:
        rows.append(_jobs(study.running, now, width))
    for job in study.killed:
        rows.append(Text(_ended(job, now), style="red", overflow="fold"))
    if not study.running and study.whole is None:
        rows.append(Text(_idle(study, now), style="green" if study.report is not None else "yellow"))
    title = f"{study.name}  {time.strftime('%H:%M:%S', time.localtime(now))}"
    return Panel(Group(*rows), title=title, title_align="left")


def _whole(whole: Mapping[str, Any], now: float) -> str:
    jobs = f"{whole['done']} of {whole['total']} jobs"
    if whole.get("fraction") is None:
        return f"{jobs} done"
    finish, left = when(whole["finish"], now), in_words(max(0.0, whole["finish"] - now))
    return f"{per_cent(whole['fraction'])} of the work, {jobs}; finished about {finish} (in {left})"


def _jobs(jobs: Sequence[Running], now: float, width: int) -> Table:
    wide = width >= _WIDE
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("job", ratio=3, overflow="ellipsis", no_wrap=True)
    table.add_column("", width=20 if wide else 8)
    table.add_column("done", justify="right", no_wrap=True)
    if wide:
        table.add_column("rate", justify="right", no_wrap=True)
        table.add_column("process", justify="right", no_wrap=True)
    table.add_column("for", justify="right", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    for job in jobs:
        more = [_rate(job), f"{job.pid}"] if wide else []
        left = in_words(job.seconds_left) if job.seconds_left is not None else "?"
        table.add_row(_name(job, now), _bar(job), _done(job, wide), *more, in_words(now - job.started), left)
    return table


def _name(job: Running, now: float) -> Text:
    text = Text(job.label or job.key.replace(".", " ", 1))
    silent = now - job.updated
    if silent > _SILENT and job.total:
        text.append(f" (silent for {in_words(silent)})", style="yellow")
    return text


def _bar(job: Running) -> RenderableType:
    return ProgressBar(total=job.total, completed=job.done) if job.total else Text("")


def _done(job: Running, wide: bool) -> str:
    if not job.total:
        return "-"
    unit = f" {job.unit}" if wide else ""
    return f"{job.done:,}/{job.total:,}{unit} {100 * job.done / job.total:3.0f}%"


def _rate(job: Running) -> str:
    if job.rate <= 0:
        return "-"
    return f"{job.rate:.1f}/s" if job.rate >= 1 else f"{1 / job.rate:.1f} s each"


def _ended(job: Running, now: float) -> str:
    share = f" at {100 * job.done / job.total:.0f}%" if job.total else ""
    name = job.label or job.key.replace(".", " ", 1)
    return f"failed or was killed: {name}{share}, {in_words(now - job.updated)} ago (see {_log(job)})"


def _log(job: Running) -> str:
    return f"logs/{job.rule}/{job.name}.log" if job.name else f"logs/{job.rule}.log"


def _idle(study: StudyState, now: float) -> str:
    if study.report is not None:
        return f"nothing runs; the report was written {in_words(now - study.report)} ago: {study.folder}/report.html"
    return "nothing runs, and there is no report yet"


def _card(card: Sample, width: int) -> RenderableType:
    parts = [_of("memory", card.memory_mb, card.memory_total_mb)]
    if card.utilisation is not None:
        parts.append(Text(f"load {card.utilisation:.0f}%"))
    if card.temperature is not None:
        parts.append(Text(f"{card.temperature:.0f} C", style=_colour(card.temperature, _HOT)))
    if card.power_watt is not None:
        parts.append(Text(f"{card.power_watt:.0f} W"))
    name = card.name or "card"
    if width < _WIDE:
        name = name.removeprefix("NVIDIA ").removeprefix("GeForce ").removesuffix(" GPU")
    return _line("GPU", [*parts, Text(name, style="dim")])


def _machine(host: Host, width: int) -> list[RenderableType]:
    swap = _of("swap", host.swap_used_mb, host.swap_total_mb) if host.swap_total_mb else Text("no swap")
    used = host.disk_total_mb - host.disk_free_mb
    free = Text(f"disk {host.disk_free_mb / 1024:,.0f} GiB free", style=_colour(100 * used / host.disk_total_mb, _FULL))
    processor, memory = Text(f"{host.cpu_percent:.0f}%"), _of("RAM", host.ram_used_mb, host.ram_total_mb)
    return [_line("CPU", [processor, memory, swap, free])]


def _of(name: str, used: float | None, total: float | None) -> Text:
    """Return memory in use and in all, in GiB; in colour when it is nearly full."""
    if used is None:
        return Text(f"{name} not told")
    if not total:
        return Text(f"{name} {used / 1024:.1f} GiB")
    return Text(f"{name} {used / 1024:.1f} of {total / 1024:.1f} GiB", style=_colour(100 * used / total, _FULL))


def _line(name: str, parts: Sequence[Text]) -> Text:
    return Text(f"{name}   ").append(Text(", ").join(parts))


def _colour(value: float, limits: tuple[float, float]) -> str:
    return "red" if value >= limits[1] else "yellow" if value >= limits[0] else ""
