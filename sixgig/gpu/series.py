"""What a card said while a job ran: all samples, in a file while it runs, and few of them for the report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TextIO

from sixgig.gpu.readers import Sample

_LOG = logging.getLogger(__name__)
#: Quantities of a sample that make a series, in the order of the file's columns.
QUANTITIES = ("memory_mb", "utilisation", "temperature", "power_watt")
#: Points of a series in the sidecar.
_POINTS = 120


class Series:
    """Samples of one job.

    Args:
        file: CSV that grows with every sample, so that a killed job leaves it too; None writes none.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.seconds: list[float] = []
        self.samples: list[Sample] = []
        self._stream: TextIO | None = None
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = file.open("w", encoding="utf-8", buffering=1)
            self._stream.write(",".join(("seconds", *QUANTITIES)) + "\n")
        except OSError as error:
            self._give_up(error)

    def add(self, seconds: float, sample: Sample) -> None:
        """Add a sample, taken some seconds after the job began."""
        self.seconds.append(seconds)
        self.samples.append(sample)
        if self._stream is None:
            return
        values = (getattr(sample, name) for name in QUANTITIES)
        try:
            self._stream.write(f"{seconds:.1f}," + ",".join("" if v is None else f"{v:.6g}" for v in values) + "\n")
        except OSError as error:  # a full disk must not end the job for the sake of its series
            self._give_up(error)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def of(self, quantity: str) -> list[float]:
        """Return all values of one of :data:`QUANTITIES` that the card told."""
        found = (getattr(sample, quantity) for sample in self.samples)
        return [value for value in found if value is not None]

    def thinned(self, points: int = _POINTS) -> dict[str, list[float | None]]:
        """Return at most so many points: ``seconds``, and every quantity that the card told at least once.

        A point stands for an equal share of the samples: their largest memory and temperature, their mean load and
        power, and the time of the last.
        """
        number = min(points, len(self.samples))
        cuts = [len(self.samples) * cut // number for cut in range(number + 1)] if number else []
        shares = [range(start, stop) for start, stop in pairwise(cuts)]
        thin: dict[str, list[float | None]] = {"seconds": [round(self.seconds[share[-1]], 1) for share in shares]}
        for name in QUANTITIES:
            if self.of(name):
                pick = max if name in ("memory_mb", "temperature") else fmean
                thin[name] = [self._one([getattr(self.samples[i], name) for i in share], pick) for share in shares]
        return thin

    @staticmethod
    def _one(values: Sequence[float | None], pick: object) -> float | None:
        told = [value for value in values if value is not None]
        return round(pick(told), 1) if told else None  # type: ignore[operator]

    def _give_up(self, error: OSError) -> None:
        _LOG.warning("the series of the GPU is not written: %s", error)
        self._stream = None
