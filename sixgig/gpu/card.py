"""The first GPU as its driver sees it, without starting CUDA in this process."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import ModuleType

_LOG = logging.getLogger(__name__)
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Card:
    """A GPU: its name, its UUID without the prefix ``GPU-`` (as torch gives it), its memory in MiB."""

    name: str
    uuid: str
    memory_mb: float


def first_card(nvml: ModuleType | None = None) -> Card | None:
    """Return the first GPU, or None when there is no driver or no card.

    A process that only starts and watches another one must not hold GPU memory itself, which a CUDA context of its
    own would.

    Args:
        nvml: The ``pynvml`` module, or None to import it.
    """
    try:
        if nvml is None:
            import pynvml

            nvml = pynvml
        nvml.nvmlInit()
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(0)
            name, uuid = (_text(value) for value in (nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetUUID(handle)))
            return Card(name, uuid.removeprefix("GPU-"), nvml.nvmlDeviceGetMemoryInfo(handle).total / _MIB)
        finally:
            nvml.nvmlShutdown()
    except Exception as error:  # the library has a separate exception class for each kind of problem
        _LOG.info("no GPU: %s", error)
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
