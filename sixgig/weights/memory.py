"""How much memory the weights stage needs for an entry, before its file is there."""

from __future__ import annotations

import math

#: What Python, torch and timm take, in MiB; and bytes per parameter while the file, its tensors and the network are in
#: memory. Measured: 1673 MiB with 85.8 million parameters, 4165 MiB with 303.3 million, both in float32.
_FIXED_MB, _BYTES = 800, 12
#: Bytes of a parameter in a file of float32.
_IN_FILE = 4
#: What is reserved at least, and where nothing is known.
LEAST_MB = 2000
_MIB = 1024 * 1024


def weights_memory_mb(parameters: float | None, file_bytes: int = 0) -> int:
    """Return the memory in MiB that building the weights of a network takes.

    Args:
        parameters: Of the network; None when nobody knows.
        file_bytes: Size of the file, where it is on this machine: one with an optimiser's state holds more than the
            network, and is in memory twice.
    """
    if parameters is None:
        parameters = file_bytes / _IN_FILE
    more = max(0.0, file_bytes - _IN_FILE * parameters)
    return max(LEAST_MB, math.ceil(_FIXED_MB + (_BYTES * parameters + 2 * more) / _MIB))
