"""Watch the GPU while a job runs: memory of the card, load, temperature, power; and pause when it gets too hot.

The numbers are those of the whole card, so a desktop or another program on it is seen too; torch's own peak
(:func:`sixgig.runtime.monitor.peak_vram_mb`) is this process's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from sixgig.gpu.lost import card_lost
from sixgig.gpu.readers import READERS, CardLostError, NotReadableError, Reader, Sample
from sixgig.gpu.series import Series
from sixgig.gpu.settings import WatchSettings, watch_settings
from sixgig.runtime.stopping import asked

_LOG = logging.getLogger(__name__)
#: Limit in degrees Celsius where neither the study file nor the card gives one: what most laptop cards aim at.
HOT = 87.0
#: Degrees below the temperature at which a card slows itself down; and below the limit, before a job goes on.
_BELOW_SLOWDOWN, _COOLER = 5.0, 5.0
#: Readings in a row that may fail before the card is no longer watched.
_FAILURES = 5
#: A pause longer than this does not cool the card: something else heats it, or its sensor is wrong.
_LONGEST_PAUSE = 900.0
_JOIN_SECONDS = 10.0


class GpuWatch:
    """Samples a card in a background thread while the block runs.

    A card that cannot be watched does not stop the job: what went wrong is in :attr:`problem` and in the summary.

    Args:
        card: UUID of the card; None watches nothing.
        settings: How to watch; those of the environment when None.
        series: CSV for every sample; None writes none.
        seconds: Time between two samples.
        readers: What reads a card, by the name of the monitor.
        tell: Called with a sentence for people.

    Attributes:
        series: All samples.
        problem: Why the card is not watched, or no longer; empty when it is.
        seconds_paused: How long the job has waited for the card to cool.
    """

    def __init__(
        self,
        card: str | None,
        settings: WatchSettings | None = None,
        series: Path | None = None,
        seconds: float = 1.0,
        readers: dict[str, Callable[[str], Reader]] | None = None,
        tell: Callable[[str], object] = _LOG.warning,
    ) -> None:
        self.series = Series()
        self.problem = ""
        self.seconds_paused = 0.0
        self._card, self._file, self._seconds, self._tell = card, series, seconds, tell
        self._settings = settings or watch_settings()
        self._readers = readers or READERS
        self._stop, self._changed = threading.Event(), threading.Condition()
        self._thread: threading.Thread | None = None
        self._latest = Sample()
        self._hot, self._lost, self._limit = False, "", self._settings.max_temperature or HOT

    def __enter__(self) -> GpuWatch:
        if self._card is None:
            return self
        try:
            reader = self._readers[self._settings.monitor](self._card)
        except NotReadableError as error:  # the job itself does not depend on being watched
            self._note(f"not watched by {self._settings.monitor}: {error}")
            return self
        slowdown = reader.slowdown_temperature()
        if self._settings.max_temperature is None and slowdown is not None:
            self._limit = slowdown - _BELOW_SLOWDOWN
        self.series = Series(self._file)
        self._thread = threading.Thread(target=self._sample, args=(reader,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)  # a driver that hangs must not keep a finished job

    def cool_down(self, pause: Callable[[], object] | None = None, go_on: Callable[[], object] | None = None) -> None:
        """Wait, between two batches, until a card that is too hot has cooled; return at once when it is not.

        Args:
            pause: Called before waiting, for work that another process does.
            go_on: Called after it.

        Raises:
            PassingError: The driver says that the card is gone.
        """
        if not self._hot and not self._lost:
            return
        if self._lost:
            raise card_lost(self._lost)
        self._tell(f"the GPU has {self._latest.temperature:.0f} C, the limit is {self._limit:.0f} C: pausing")
        began = time.monotonic()
        if pause is not None:
            pause()
        try:
            cooled = self._wait_until_cool()
        finally:
            if go_on is not None:
                go_on()
            waited = time.monotonic() - began
            self.seconds_paused += waited
        if self._lost:
            raise card_lost(self._lost)
        if asked():
            return  # to where the work is saved
        if cooled:
            told = "no longer tells" if self._latest.temperature is None else f"has {self._latest.temperature:.0f} C"
            self._tell(f"going on after a pause of {waited:.0f} s: the GPU {told}")
        else:
            self._limit = float("inf")
            self._hot = False
            self._note(f"still too hot after a pause of {waited:.0f} s: no further pauses (its driver slows it down)")

    def _wait_until_cool(self) -> bool:
        """Whether the card has cooled in time; a process that is told to end waits no longer."""
        end = time.monotonic() + _LONGEST_PAUSE
        with self._changed:
            while (left := end - time.monotonic()) > 0 and not asked():
                if self._changed.wait_for(lambda: not self._hot or bool(self._lost), min(left, 0.5)):
                    return True
        return False

    def _sample(self, reader: Reader) -> None:
        began, failures = time.monotonic(), 0
        try:
            while True:
                try:
                    sample, failures = reader.read(), 0
                    self.series.add(time.monotonic() - began, sample)
                    self._heed(sample)
                except CardLostError as error:
                    self._lost = str(error)
                    return
                except Exception as error:
                    failures += 1
                    if failures == _FAILURES:
                        self._note(f"no longer watched by {self._settings.monitor}: {error}")
                        return
                if self._stop.wait(self._seconds):
                    return
        finally:
            self._heed(Sample())  # nobody waits for what is no longer read
            self.series.close()
            reader.close()

    def _heed(self, sample: Sample) -> None:
        """Note whether the card is too hot: from the limit on, until it is some degrees cooler."""
        with self._changed:
            self._latest, found = sample, sample.temperature
            self._hot = found is not None and found > self._limit - (_COOLER if self._hot else 0.0)
            self._changed.notify_all()

    def _note(self, problem: str) -> None:
        self.problem = problem
        self._tell(f"the GPU is {problem}")

    def summary(self) -> dict[str, Any]:
        """Return what a sidecar keeps of it; only what the card told, and empty where no card was watched.

        Returns:
            ``monitor``, ``card_memory_peak_mb``, ``utilisation_mean_percent``, ``temperature_peak_celsius``,
            ``power_mean_watt``, ``seconds_paused`` (for the card to cool), ``series`` (see
            :meth:`sixgig.gpu.series.Series.thinned`) and ``problem``.
        """
        if self._card is None:
            return {}
        summary: dict[str, Any] = {"monitor": self._settings.monitor}
        for name, quantity, pick in (
            ("card_memory_peak_mb", "memory_mb", max),
            ("utilisation_mean_percent", "utilisation", fmean),
            ("temperature_peak_celsius", "temperature", max),
            ("power_mean_watt", "power_watt", fmean),
        ):
            values = self.series.of(quantity)
            if values:
                summary[name] = pick(values)
        if self.seconds_paused:
            summary["seconds_paused"] = round(self.seconds_paused, 1)
        if self.series.samples:
            summary["series"] = self.series.thinned()
        if self.problem:
            summary["problem"] = self.problem
        return summary
