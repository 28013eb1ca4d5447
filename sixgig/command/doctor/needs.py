"""What the study will take of this machine: by the forecast, or by what the rules ask for when there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.rates import REFERENCE
from sixgig.forecast.study import forecast_study
from sixgig.plan.plan import Plan
from sixgig.runtime.places import WORKFLOW

_MIB = 2**20


@dataclass(frozen=True)
class Needs:
    """What is needed.

    Attributes:
        memory_mb: Peak host memory of the largest job, in MiB.
        basis: From what that is known, in words.
        vram_mb: Peak GPU memory of the largest job in MiB; None when it is not known.
        disk_mb: What is still to be written and fetched, in MiB; None when it is not known.
    """

    memory_mb: float
    basis: str
    vram_mb: float | None = None
    disk_mb: float | None = None


def rules_need(rules: Path = WORKFLOW / "rules") -> Needs:
    """Return the most memory that a rule asks Snakemake for."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(rules.glob("*.smk"))]
    asked = [int(number) for text in texts for number in re.findall(r"\bmem_mb=(\d+)", text)]
    return Needs(max(asked, default=4000), "what its rule asks for")


def study_needs(plan: Plan, card: str | None) -> Needs:
    """Return what the jobs of a study take by the forecast, in memory and disk; their time is not asked for.

    Args:
        plan: The study.
        card: Name of the card; None without one.
    """
    machine = REFERENCE
    if card is not None:
        try:
            machine = machine_with_card(card)
        except SixgigError:  # a card that is not in the table: memory does not depend on which one it is
            machine = machine_with_card("RTX 3050 6GB Laptop")
    try:
        costs = forecast_study(plan, machine)
    except (SixgigError, OSError):  # said where the study is checked
        return rules_need()
    largest = max(costs, key=lambda job: costs[job].rss_mb)
    there = _size_mb(Path("results") / plan.study)
    disk = sum(cost.disk_mb for cost in costs.values())
    fetched = sum(cost.download_mb for cost in costs.values())
    return Needs(
        costs[largest].rss_mb,
        f"{largest.rule} {largest.name}".strip(),
        max(cost.vram_mb for cost in costs.values()) or None,
        max(disk - there, 0.0) + fetched,
    )


def _size_mb(folder: Path) -> float:
    """Return the size of the files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / _MIB
