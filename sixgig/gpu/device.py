"""Choose the device of a job and hold it to the memory limit."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from sixgig.errors import GpuError
from sixgig.gpu.card import used_uuid
from sixgig.gpu.choice import take_free_card
from sixgig.gpu.processor import require_bfloat16
from sixgig.runtime.progress import tell

_LOG = logging.getLogger(__name__)
_MIB = 1024 * 1024
#: Computation types by the name used in the config. ``auto`` is resolved per device.
PRECISIONS = ("auto", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Device:
    """The device a job runs on.

    Attributes:
        kind: ``cuda`` or ``cpu``.
        name: Name of the card, or of the processor type.
        dtype: Computation type, ``float32``, ``float16`` or ``bfloat16``.
        fallbacks: What was asked for and is not available, in words.
        card: What identifies the card; None on a CPU.
    """

    kind: str
    name: str
    dtype: str
    fallbacks: tuple[str, ...] = ()
    card: str | None = None

    def dtype_on(self, kind: str) -> str:
        """Return the computation type on this device, or on the CPU that stands in for it."""
        return self.dtype if kind == self.kind else "float32"

    def for_training(self) -> Device:
        """Return the same device as it trains: a CPU trains in float32, whatever it encodes in."""
        if self.kind == "cuda" or self.dtype == "float32":
            return self
        fallback = f"trained in float32 instead of {self.dtype}: a CPU trains in float32"
        return replace(self, dtype="float32", fallbacks=(*self.fallbacks, fallback))


def require_gpu(place: str) -> None:
    """Raise a GpuError when torch cannot use a GPU; ``place`` is what asks for one."""
    import torch

    if not torch.cuda.is_available():
        raise no_gpu(place, "torch sees")


def no_gpu(place: str, who: str) -> GpuError:
    """Return the error that something has or sees no GPU; ``place`` is what asks for one."""
    return GpuError(
        place,
        f"{who} no usable GPU (no card, no driver, or a driver older than CUDA 12.8's minimum, 525)",
        "run nvidia-smi to see the driver, or set `device: auto` to use the CPU when there is no GPU",
    )


def choose_device(asked: str, precision: str, memory_limit_mb: int) -> Device:
    """Choose the device, a free card where there are several, and apply the memory limit to this process.

    On a card the limit is enforced by torch's allocator: a request beyond it raises out-of-memory, although the
    card may have more. bfloat16 is chosen where the card computes it natively (compute capability 8.0 and later), else
    float16. A CPU always computes in float32: without native units, emulated bfloat16 is several times slower.

    Args:
        asked: ``auto`` (GPU when there is one), ``cuda`` or ``cpu``.
        precision: One of :data:`PRECISIONS`.
        memory_limit_mb: Maximum GPU memory that this process may reserve, in MiB.

    Raises:
        GpuError: ``cuda`` was asked for and torch cannot use a GPU; or bfloat16, and the CPU has no units for it.
    """
    if asked != "cpu":
        take_free_card(tell)
    import torch

    if asked == "cuda":
        require_gpu("device: cuda")
    if asked == "cpu" or not torch.cuda.is_available():
        if precision == "bfloat16":
            require_bfloat16("precision")
            return Device("cpu", "CPU", precision)
        fallbacks: tuple[str, ...] = ()
        if precision == "float16":
            fallbacks = (f"float32 instead of {precision}: a CPU computes in float32",)
        return Device("cpu", "CPU", "float32", fallbacks)
    properties = torch.cuda.get_device_properties(0)
    total_mb = properties.total_memory / _MIB
    if memory_limit_mb < total_mb:
        torch.cuda.set_per_process_memory_fraction(memory_limit_mb / total_mb, 0)
    torch.backends.cudnn.benchmark = False  # timing-based kernel choice differs between runs
    torch.backends.cudnn.deterministic = True
    if precision == "auto":
        precision = "bfloat16" if properties.major >= 8 else "float16"
    _LOG.info("GPU %s, %.0f MiB, limit %d MiB, %s", properties.name, total_mb, memory_limit_mb, precision)
    return Device("cuda", properties.name, precision, card=used_uuid(str(properties.uuid)))
