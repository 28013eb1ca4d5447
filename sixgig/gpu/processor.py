"""What the processor can compute by itself, asked of the operating system: torch takes seconds to be imported."""

from __future__ import annotations

from pathlib import Path

from sixgig.errors import GpuError

#: Flags of the processors that multiply matrices of bfloat16 natively, the fastest first.
BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16")
_CPUINFO = Path("/proc/cpuinfo")


def bfloat16_units() -> str | None:
    """Return the flag of this processor's units for bfloat16; None where it has none, or where nothing says so."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return None
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return next((unit for unit in BFLOAT16_UNITS if unit in flags), None)


def require_bfloat16(place: str) -> None:
    """Raise a GpuError where the processor only emulates bfloat16, which is several times slower than float32.

    Args:
        place: What asks for it.
    """
    if bfloat16_units() is None:
        units = " and no ".join(BFLOAT16_UNITS)
        reason = f"is bfloat16, and this processor has no units for it (no {units}): it would be several times slower"
        raise GpuError(place, reason, "set `precision: auto`, which is float32 on a CPU, or run on another machine")
