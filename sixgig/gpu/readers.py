"""What a card says of itself, by one of three ways: NVIDIA's management library, GPUtil, or ``nvidia-smi``.

Every quantity is asked for on its own: many laptop cards do not tell power, and virtual ones no load. What a card does
not tell is None. All numbers are those of the whole card, so a desktop on it is seen too.
"""

from __future__ import annotations

import csv
import math
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_MIB = 1024 * 1024
_SMI_SECONDS = 5.0
_SMI_FIELDS = "uuid,memory.used,utilization.gpu,temperature.gpu,power.draw,memory.total,name"
_LOST = "gpu is lost"
#: NVML_ERROR_GPU_IS_LOST, NVML_TEMPERATURE_GPU and NVML_TEMPERATURE_THRESHOLD_SLOWDOWN of nvml.h.
_LOST_CODE, _SENSOR, _SLOWDOWN = 15, 0, 1


class NotReadableError(Exception):
    """The card cannot be read this way; the text says why."""


class CardLostError(NotReadableError):
    """The driver says that the card is gone from the bus."""


@dataclass(frozen=True)
class Sample:
    """What a card said at one moment; None where it does not tell.

    Attributes:
        memory_mb: Memory in use, in MiB, by all programs.
        utilisation: Share of the last moments in which it computed, in per cent.
        temperature: In degrees Celsius.
        power_watt: In watts.
        memory_total_mb: All its memory, in MiB.
        name: Its name.
    """

    memory_mb: float | None = None
    utilisation: float | None = None
    temperature: float | None = None
    power_watt: float | None = None
    memory_total_mb: float | None = None
    name: str = ""


class Reader(ABC):
    """Reads one card.

    Args:
        uuid: Which one, without the prefix ``GPU-`` or ``MIG-``.

    Raises:
        NotReadableError: It cannot be read this way.
    """

    @abstractmethod
    def __init__(self, uuid: str) -> None: ...

    @abstractmethod
    def read(self) -> Sample:
        """Return what the card says now.

        Raises:
            NotReadableError: It says nothing.
            CardLostError: It is gone.
        """

    def slowdown_temperature(self) -> float | None:
        """Return the temperature at which the card slows itself down, in degrees Celsius, when it tells."""
        return None

    def close(self) -> None:  # noqa: B027 (most readers hold nothing)
        """Free what the reader holds."""


class NvmlReader(Reader):
    """Reads a card through the management library (``nvidia-ml-py``)."""

    def __init__(self, uuid: str, nvml: Any = None) -> None:
        try:
            if nvml is None:
                import pynvml

                nvml = pynvml
            nvml.nvmlInit()
        except Exception as error:  # the library has a separate exception class for each kind of problem
            raise NotReadableError(f"NVIDIA's management library does not answer: {error}") from None
        self._nvml = nvml
        try:
            self._handle = self._find(uuid)
        except Exception as error:
            self.close()
            raise self._problem(error) from None

    def _find(self, uuid: str) -> Any:
        try:
            return self._nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        except Exception as error:
            if _is_lost(error):
                raise
            return self._nvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")

    def read(self) -> Sample:
        """See :meth:`Reader.read`."""
        nvml, handle, problems = self._nvml, self._handle, []

        def ask(function: Callable[[], float]) -> float | None:
            try:
                return float(function())
            except Exception as error:
                problems.append(error)
                return None

        found = [
            ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / _MIB),
            ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            ask(lambda: nvml.nvmlDeviceGetTemperature(handle, _SENSOR)),
            ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total / _MIB),
        ]
        lost = [error for error in problems if _is_lost(error)]
        if lost:
            raise CardLostError(str(lost[0]))
        if all(value is None for value in found):
            raise self._problem(problems[0])
        return _sample(found)

    def slowdown_temperature(self) -> float | None:
        """See :meth:`Reader.slowdown_temperature`."""
        try:
            return float(self._nvml.nvmlDeviceGetTemperatureThreshold(self._handle, _SLOWDOWN)) or None
        except Exception:  # newer cards tell only how far they are from it
            return None

    def close(self) -> None:
        """See :meth:`Reader.close`."""
        self._nvml.nvmlShutdown()

    @staticmethod
    def _problem(error: Exception) -> NotReadableError:
        kind = CardLostError if _is_lost(error) else NotReadableError
        return kind(f"NVIDIA's management library does not show the card: {error}")


class SmiReader(Reader):
    """Reads a card through ``nvidia-smi``, anew for every sample."""

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid
        self.read()

    def read(self) -> Sample:
        """See :meth:`Reader.read`."""
        for uuid, sample in samples_by_smi():
            if uuid.partition("-")[2] == self._uuid:
                return sample
        raise NotReadableError("nvidia-smi does not show the card")


def samples_by_smi() -> list[tuple[str, Sample]]:
    """Return UUID (with its prefix) and sample of every card that ``nvidia-smi`` tells of.

    Raises:
        NotReadableError: It is missing, fails, hangs, or prints something else.
        CardLostError: It says that a card is gone.
    """
    command = ["nvidia-smi", f"--query-gpu={_SMI_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SMI_SECONDS, check=False)
    except OSError as error:
        raise NotReadableError(f"nvidia-smi cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotReadableError(f"nvidia-smi did not answer within {_SMI_SECONDS:g} s") from None
    said = " ".join((done.stdout + done.stderr).split())[:200]
    if _LOST in said.lower():
        raise CardLostError(f"nvidia-smi: {said}")
    if done.returncode:
        raise NotReadableError(f"nvidia-smi ended with exit code {done.returncode}: {said or 'no output'}")
    rows = [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines()) if row]
    if not rows:
        raise NotReadableError("nvidia-smi printed nothing")
    wanted = len(_SMI_FIELDS.split(","))
    if any(len(row) != wanted for row in rows):
        raise NotReadableError(f"nvidia-smi printed something else than a table of {wanted} columns: {said}")
    return [(row[0], _sample([_number(cell) for cell in row[1:-1]], row[-1])) for row in rows]


class GputilReader(Reader):
    """Reads a card through GPUtil, which asks ``nvidia-smi`` and knows no power."""

    def __init__(self, uuid: str) -> None:
        try:
            import GPUtil
        except ImportError as error:  # distutils, which it imports, is gone from Python 3.12
            step = "install sixgig[gputil] under Python 3.11, or set gpu.monitor to nvml"
            raise NotReadableError(f"GPUtil cannot be imported: {error}; {step}") from None
        self._gputil, self._uuid = GPUtil, uuid
        self.read()

    def read(self) -> Sample:
        """See :meth:`Reader.read`."""
        try:
            cards = self._gputil.getGPUs()
        except (
            ValueError,
            IndexError,
            ZeroDivisionError,
        ) as error:  # the driver fails: it reads the message as a table
            kind = CardLostError if _LOST in str(error).lower() else NotReadableError
            raise kind(f"GPUtil cannot read what nvidia-smi printed: {error}") from None
        if not cards:
            raise NotReadableError("GPUtil finds no card: nvidia-smi is missing or printed nothing")
        for card in cards:
            if card.uuid.partition("-")[2] == self._uuid:
                load = card.load * 100
                numbers = (card.memoryUsed, load, card.temperature, math.nan, card.memoryTotal)
                return _sample([_number(value) for value in numbers], card.name)
        raise NotReadableError("GPUtil does not show the card")


#: Readers by the name in the study file.
READERS: dict[str, type[Reader]] = {"nvml": NvmlReader, "gputil": GputilReader, "nvidia_smi": SmiReader}


def _sample(values: Sequence[float | None], name: str = "") -> Sample:
    memory, utilisation, temperature, power, total = values
    return Sample(memory, utilisation, temperature, power, total, name)


def _number(value: str | float) -> float | None:
    """Return a number; None for what stands in its place, such as ``[N/A]``."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _is_lost(error: BaseException) -> bool:
    return getattr(error, "value", None) == _LOST_CODE or _LOST in str(error).lower()
