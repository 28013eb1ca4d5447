"""What the first card can do: products and copies, measured while no job of sixgig uses it."""

from __future__ import annotations

import fcntl
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sixgig.errors import ConfigError
from sixgig.forecast.repeating import best_of
from sixgig.forecast.sheets import CardSheet, find_card
from sixgig.gpu.lock import hold_gpu, lock_path

_MIB = 2**20
#: Share of the measured rate of a card's products that a network reaches: of half precision, of float32.
_HALF_SHARE, _FLOAT32_SHARE = 0.5, 0.8
_SIZE, _PRODUCTS, _COPIED_MB = 2048, 10, 64


def measure_card(seconds: float) -> dict[str, Any]:
    """Return the rates of the first card, as plain values of :class:`CardSheet`.

    While a job holds the card its data sheet stands in, if there is one: rates measured beside a job are wrong, and
    the job would be slower. What was not measured is not kept, so that a later plan measures it.

    Args:
        seconds: For each rate, about.
    """
    import torch

    properties = torch.cuda.get_device_properties(0)
    path = lock_path(str(properties.uuid))
    if is_held(path):
        try:
            return asdict(find_card(properties.name))
        except ConfigError:
            return asdict(_measured(seconds))
    with hold_gpu(path, lambda text: None):
        return asdict(_measured(seconds))


def is_held(path: Path) -> bool:
    """Whether a job holds a card's lock just now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _measured(seconds: float) -> CardSheet:
    import torch

    properties = torch.cuda.get_device_properties(0)
    native = properties.major >= 8
    rates = []
    for dtype in (torch.float32, torch.bfloat16 if native else torch.float16):
        a, b = (torch.randn(_SIZE, _SIZE, device="cuda", dtype=dtype) for _ in range(2))

        def product(a: Any = a, b: Any = b) -> None:
            for _ in range(_PRODUCTS):
                a @ b
            torch.cuda.synchronize()

        product()
        rates.append(_PRODUCTS * 2 * _SIZE**3 / best_of(product, seconds / 2) / 1e12)
    source = torch.empty(_COPIED_MB * _MIB, device="cuda", dtype=torch.uint8)

    def copy() -> None:
        source.clone()
        torch.cuda.synchronize()

    copy()
    bandwidth = 2 * source.nbytes / best_of(copy, seconds / 2) / 1e9
    memory = properties.total_memory / _MIB
    float32, half = rates
    return CardSheet(
        properties.name, memory, float32 * _FLOAT32_SHARE, half * _HALF_SHARE, bandwidth, native, measured=True
    )
