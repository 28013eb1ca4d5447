"""The words of a forecast: a job, what it will cost, and from what that is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobKey:
    """One job of a study.

    Attributes:
        rule: Name of the rule.
        name: Its wildcards without the study, as in the name of its log: ``acdc.vit_mim``; empty without any.
    """

    rule: str
    name: str = ""


@dataclass(frozen=True)
class JobCost:
    """What a job is expected to take.

    Attributes:
        seconds: Wall time on the machine that the forecast is for, with ``threads`` threads.
        rss_mb: Peak host memory in MiB.
        vram_mb: Peak GPU memory in MiB, as torch reserves it; 0 for a job without GPU.
        disk_mb: What it leaves on the disk, in MiB.
        download_mb: What it fetches, in MiB; 0 when it is there already.
        threads: Threads that it takes of the given cores.
        gpu: Whether it takes the card.
        basis: ``measured`` (this study's own past jobs), ``scaled`` (computed, then corrected by jobs of the same kind
            in other studies), ``computed`` (operations and bytes on this machine) or ``assumed`` (constants).
        batch_size: The batch size that fits, where there is one.
    """

    seconds: float
    rss_mb: float
    vram_mb: float = 0.0
    disk_mb: float = 0.0
    download_mb: float = 0.0
    threads: int = 1
    gpu: bool = False
    basis: str = "computed"
    batch_size: int | None = None
