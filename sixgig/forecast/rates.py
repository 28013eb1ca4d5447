"""The rates of a machine, by which forecasts divide work."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path

from sixgig.forecast.sheets import CardSheet


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
    start_s: float = 0.45
    torch_start_s: float = 2.95
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
REFERENCE = Machine("reference", 2, 24000, 80.0, 14.5, 1.85, basis="measured")
#: The user's laptop, without its card: 12 cores of which 6 are strong, 5 GB of free memory, a solid-state disk.
LAPTOP = Machine(
    "a laptop", 12, 5000, 60.0, 12.0, 6.0,
    scalar=1.0, start_s=0.6, torch_start_s=4.0, disk_mb_s=800.0, gunzip_mb_s=250.0, download_mb_s=10.0,
)  # fmt: skip


def with_cores(machine: Machine, cores: int) -> Machine:
    """Return the machine as it is when only so many of its cores are given."""
    cores = max(1, min(cores, machine.cores))
    return replace(machine, cores=cores, speedup=machine.parallel(cores))


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
