"""What a machine can do: rates that forecasts divide work by, measured once and kept in a cache file."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from sixgig.forecast.cards import CardSheet
from sixgig.runtime.atomic import read_json, write_json

_MIB = 1024 * 1024
#: Changes when what is measured changes.
_FORMAT = 1
#: Where the rates are kept, from the folder that results go to.
CACHE = Path("results/.machine.json")


@dataclass(frozen=True)
class Machine:
    """Rates of a machine. Rates of the processor are those of one core; see :meth:`flops` for several.

    Attributes:
        name: For people.
        cores: Cores.
        memory_mb: Memory in MiB.
        transformer_gflops: 10^9 operations a second of a transformer's forward pass in float32.
        convolution_gflops: The same of a convolutional network's.
        speedup: How much faster all cores together are than one, at most ``cores``.
        scalar: Speed of plain Python and single-threaded numpy, the reference machine (:data:`REFERENCE`) being 1.
        start_s: Start of a job that imports numpy and pandas.
        torch_start_s: Start of a job that imports torch and timm.
        disk_mb_s: Written to the disk, with fsync.
        gunzip_mb_s: Decompressed with gzip, in MiB of content.
        download_mb_s: Fetched from the network; an assumption.
        card: The GPU; None without one.
        basis: ``measured`` or ``assumed``.
    """

    name: str
    cores: int
    memory_mb: float
    transformer_gflops: float
    convolution_gflops: float
    speedup: float
    scalar: float = 1.0
    start_s: float = 0.9
    torch_start_s: float = 3.0
    disk_mb_s: float = 300.0
    gunzip_mb_s: float = 250.0
    download_mb_s: float = 10.0
    card: CardSheet | None = None
    basis: str = "assumed"

    def parallel(self, threads: int) -> float:
        """Return how much faster this many threads are than one."""
        used = max(1, min(threads, self.cores))
        if used == 1 or self.cores == 1:
            return 1.0
        return 1 + (self.speedup - 1) * (used - 1) / (self.cores - 1)

    def flops(self, kind: str, threads: int) -> float:
        """Return operations a second of the processor.

        Args:
            kind: ``transformer`` or ``convolution``.
            threads: That compute.
        """
        rate = self.transformer_gflops if kind == "transformer" else self.convolution_gflops
        return 1e9 * rate * self.parallel(threads)


#: The machine that the constants of this package were taken from: two cores of an AMD EPYC of the fourth generation.
REFERENCE = Machine("reference", 2, 24000, 82.0, 20.0, 1.9, basis="measured")
#: The user's laptop, without its card: 12 cores of which 6 are strong, 5 GB of free memory, a solid-state disk.
LAPTOP = Machine(
    "a laptop", 12, 5000, 60.0, 15.0, 6.0,
    scalar=1.0, start_s=1.0, torch_start_s=4.0, disk_mb_s=800.0, gunzip_mb_s=250.0, download_mb_s=10.0,
)  # fmt: skip


def this_machine(cache: Path | None = None, cores: int | None = None) -> Machine:
    """Return the rates of this machine, from the cache file or measured now, which takes a few seconds.

    Args:
        cache: File that keeps them, by host, processor, card and torch; None for :data:`CACHE`.
        cores: Cores that a study is given; None for all that this process may use.
    """
    cache = CACHE if cache is None else cache
    key = machine_key()
    known = _read(cache).get(key)
    if known is None:
        from sixgig.forecast.calibration import calibrate

        known = asdict(calibrate())
        write_json(cache, {**_read(cache), key: known})
    machine = _machine(known)
    return machine if cores is None else with_cores(machine, cores)


def with_cores(machine: Machine, cores: int) -> Machine:
    """Return the machine as it is when only so many of its cores are given."""
    cores = max(1, min(cores, machine.cores))
    return replace(machine, cores=cores, speedup=machine.parallel(cores))


def machine_key() -> str:
    """Return what the rates depend on, as a text."""
    from sixgig.gpu.card import first_card

    card = first_card()
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "none"
    named = f"{card.name}" if card else "no card"
    return f"{_FORMAT}; {platform.node()}; {processor()}; {usable_cores()} cores; {named}; torch {torch}"


def processor() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine(values: Mapping[str, Any]) -> Machine:
    card = values["card"]
    return Machine(**{**values, "card": CardSheet(**card) if card else None})


def _read(cache: Path) -> dict[str, Any]:
    try:
        found = read_json(cache)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
