"""How inner loops are compiled.

numba compiles a kernel at its first call (some seconds) and keeps the machine code next to the kernel's file, or in the
user's cache folder when the checkout cannot be written to (``NUMBA_CACHE_DIR`` names another place). Kernels release
the interpreter's lock, so folds in threads run side by side, and none starts threads of its own. Sums may be reordered
while compiling, never while running: equal input gives equal bytes on one machine, whatever the number of threads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # Not "ninf": it gains nothing here. NaN never gets in, since every caller of a kernel checks its input.
    "fastmath": {"reassoc", "contract", "nsz", "nnan"},
}


def compiled(function: Kernel) -> Kernel:
    """Compile a function by numba at its first call, and keep the machine code where a folder can be written."""
    try:
        kernel: Kernel = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder to write to
        logging.getLogger(__name__).info(
            "%s: machine code cannot be kept, so each process compiles again; NUMBA_CACHE_DIR can name a folder for it",
            function.__name__,
        )
        kernel = numba.njit(**_OPTIONS)(function)
    return kernel
