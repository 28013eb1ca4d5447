"""What a job costs: seconds, peak host memory, peak GPU memory."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """One row of costs.csv, without the cohort. Memory in MiB, time in seconds."""

    stage: str
    seconds: float
    peak_rss_mb: float
    peak_vram_mb: float = 0.0
    images_per_second: float | None = None
    batch_size: int | None = None
    device: str = "cpu"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by column name."""
        return asdict(self)


def peak_rss_mb() -> float:
    """Peak resident memory of this process since it started, in MiB.

    Linux's VmHWM is used where it exists, because ``ru_maxrss`` of a fresh process also counts its parent's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if sys.platform == "darwin" else peak / 1024


def peak_vram_mb() -> float:
    """Peak GPU memory that torch reserved in this process, in MiB; 0 without torch or without a GPU.

    Reserved memory (what the caching allocator took from the card) is what counts against the limit; allocated
    memory is less.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return 0.0
    return torch.cuda.max_memory_reserved() / _MIB


class CostMeter:
    """Measures the block it wraps; ``cost()`` gives the row."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._started = time.perf_counter()
        self._stopped: float | None = None

    def __enter__(self) -> CostMeter:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of the block so far, or in total once it ended."""
        return (self._stopped if self._stopped is not None else time.perf_counter()) - self._started

    def cost(self, n_images: int | None = None, batch_size: int | None = None, device: str = "cpu") -> Cost:
        """Return what the block took.

        Args:
            n_images: Images encoded, when the block encoded images.
            batch_size: Batch size used, when there was one.
            device: ``cuda`` or ``cpu``.
        """
        return Cost(
            stage=self._stage,
            seconds=self.seconds,
            peak_rss_mb=peak_rss_mb(),
            peak_vram_mb=peak_vram_mb() if device == "cuda" else 0.0,
            images_per_second=n_images / self.seconds if n_images is not None and self.seconds > 0 else None,
            batch_size=batch_size,
            device=device,
        )
