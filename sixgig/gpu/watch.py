"""Watch the GPU while a job runs: memory of the card, utilisation, temperature, power.

The numbers come from NVIDIA's management library through ``nvidia-ml-py``. They are those of the whole card, so a
desktop or another program on it is seen too; torch's own peak
(:func:`sixgig.runtime.monitor.peak_vram_mb`) is this process's.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

_LOG = logging.getLogger(__name__)
_MIB = 1024 * 1024


@dataclass
class GpuWatch:
    """Samples the first card in a background thread while the block runs.

    Args:
        nvml: The ``pynvml`` module, or None to import it.
        seconds: Time between two samples.
    """

    nvml: ModuleType | None = None
    seconds: float = 1.0
    memory_mb: list[float] = field(default_factory=list)
    utilisation: list[float] = field(default_factory=list)
    temperature: list[float] = field(default_factory=list)
    power_watt: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> GpuWatch:
        try:
            if self.nvml is None:
                import pynvml

                self.nvml = pynvml
            self.nvml.nvmlInit()
            handle = self.nvml.nvmlDeviceGetHandleByIndex(0)
        except Exception as error:  # no driver, no library, no card: the job itself does not depend on being watched
            _LOG.warning("the GPU is not watched: %s", error)
            return self
        self._thread = threading.Thread(target=self._sample, args=(handle,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        if self._thread is not None and self.nvml is not None:
            self._thread.join()
            self.nvml.nvmlShutdown()

    def _sample(self, handle: Any) -> None:
        assert self.nvml is not None
        while True:
            self.memory_mb.append(self.nvml.nvmlDeviceGetMemoryInfo(handle).used / _MIB)
            self.utilisation.append(float(self.nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
            self.temperature.append(float(self.nvml.nvmlDeviceGetTemperature(handle, 0)))
            with suppress(Exception):  # many laptop cards do not report power
                self.power_watt.append(self.nvml.nvmlDeviceGetPowerUsage(handle) / 1000)
            if self._stop.wait(self.seconds):
                return

    def summary(self) -> dict[str, float]:
        """Peak memory (MiB), mean utilisation (%), peak temperature (C), mean power (W); empty when unseen."""
        summary: dict[str, float] = {}
        if self.memory_mb:
            summary["card_memory_peak_mb"] = max(self.memory_mb)
            summary["utilisation_mean_percent"] = sum(self.utilisation) / len(self.utilisation)
            summary["temperature_peak_celsius"] = max(self.temperature)
        if self.power_watt:
            summary["power_mean_watt"] = sum(self.power_watt) / len(self.power_watt)
        return summary
