"""The page that the bench writes: one table per section, the machine below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """\
# Bench

`make bench` wrote this page and `bench.json`; do not edit them. In each row variants took turns in one run, after
their results were compared with sixgig's. A ratio is the variant's time over sixgig's in the same turn: above 1 sixgig
is faster. Shown are medians, with lowest and highest in brackets; "of" says how many turns there were. "**missed**"
marks an aim that was not met.
"""


def page(found: Mapping[str, Any]) -> str:
    """Return the whole page as Markdown."""
    facts = found["machine"]
    busiest = max((section.get("others_share", 0.0) for section in found["sections"]), default=0.0)
    lines = [_HEAD]
    if found["quick"]:
        lines += ["**Small sizes, to try the bench: the figures mean nothing.**", ""]
    if busiest > 0.15:
        lines += [
            f"**Other programs used up to {busiest:.0%} of the cores meanwhile: ratios are rough, times too long.**",
            "",
        ]
    lines += [
        f"{facts['processor']}, {facts['usable_cores']} cores ({', '.join(facts['flags'])}), {facts['memory_gb']} GB "
        f"of memory, {facts['date']}." + _card(facts),
        "",
    ]
    for section in found["sections"]:
        lines += [*_section(section), ""]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    commit = facts["source"].get("commit", "unknown")[:12]
    changed = " with changes" if facts["source"].get("changed") else ""
    lines += [
        "## The machine",
        "",
        f"{facts['system']}; load before the run {', '.join(map(str, facts['load']))}; source {commit}{changed}.",
        f"{versions}.",
        "",
    ]
    return "\n".join(lines)


def _card(facts: Mapping[str, Any]) -> str:
    gpu = facts["gpu"]
    return "" if gpu["name"] == "none" else f" GPU: {gpu['name']}, driver {gpu['driver']}."


def _section(section: Mapping[str, Any]) -> list[str]:
    lines = [f"## {section['title']}", ""]
    if section["about"]:
        lines += [section["about"], ""]
    ratios = [line for line in section["lines"] if line["variant"]]
    if ratios:
        lines += ["| row | variant | time | ratio | aim | result |", "|---|---|---|---|---|---|"]
    before = None
    for line in ratios:
        name = "" if line["row"] == before else line["row"]
        before = line["row"]
        ratio = "" if line["ratio"] is None else _spread(line["ratio"], _number)
        time = f"{_spread(line['time'], _seconds)} / {line['unit']}, of {line['rounds']}"
        lines.append(f"| {name} | {line['variant']} | {time} | {ratio} | {_aim(line, '>=')} | {line['result']} |")
    limits = [line for line in section["lines"] if not line["variant"]]
    if limits:
        lines += [""] if ratios else []
        lines += ["| quantity | measured | aim |", "|---|---|---|"]
    for line in limits:
        value = f"{_spread(line['time'], _number)} {line['unit']}, of {line['rounds']}"
        lines.append(f"| {line['row']} | {value} | {_aim(line, '<=')} |")
    return lines


def _aim(line: Mapping[str, Any], sign: str) -> str:
    if line["aim"] is None:
        return ""
    return f"{sign} {_number(line['aim'])}" + ("" if line["met"] else " **missed**")


def _spread(spread: Mapping[str, float], show: Any) -> str:
    middle = show(spread["median"])
    return middle if spread["lowest"] == spread["highest"] else (
        f"{middle} ({show(spread['lowest'])} to {show(spread['highest'])})"
    )  # fmt: skip


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{_number(value)} s"
    return f"{_number(value * 1e3)} ms" if value >= 1e-3 else f"{_number(value * 1e6)} us"
