import time
from types import SimpleNamespace

from sixgig.gpu.watch import GpuWatch


class Nvml:
    """Stands in for NVIDIA's library: memory rises, power is not reported."""

    def __init__(self):
        self.used = 0
        self.shut_down = False

    def nvmlInit(self):  # noqa: N802
        pass

    def nvmlShutdown(self):  # noqa: N802
        self.shut_down = True

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        self.used += 100 * 2**20
        return SimpleNamespace(used=self.used)

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        return SimpleNamespace(gpu=50)

    def nvmlDeviceGetTemperature(self, handle, sensor):  # noqa: N802
        return 70

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        raise RuntimeError("not supported")


def test_watch_samples_until_the_block_ends():
    nvml = Nvml()
    with GpuWatch(nvml, seconds=0.01) as watch:
        while len(watch.memory_mb) < 3:
            time.sleep(0.01)
    samples = len(watch.memory_mb)
    assert nvml.shut_down
    assert watch.summary() == {
        "card_memory_peak_mb": 100.0 * samples,
        "utilisation_mean_percent": 50.0,
        "temperature_peak_celsius": 70.0,
    }


def test_without_a_driver_the_job_goes_on():
    class Broken(Nvml):
        def nvmlInit(self):  # noqa: N802
            raise RuntimeError("driver not loaded")

    with GpuWatch(Broken()) as watch:
        pass
    assert watch.summary() == {}
