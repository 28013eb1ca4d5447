"""Memory that a process frees and asks for again, thousands of times: kept, instead of given back to the system.

glibc maps every large array anew, and the kernel clears its pages: about a thousand page faults an image in a small
convolutional network, a third of its time. The numbers do not change, and the peak stays what it is.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: Of mallopt(3): when free memory at the end of the heap is given back; how much more is asked for; most own mappings.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_TOP_PAD_BYTES = 256 * 2**20
_MOST = 2**31 - 1


def keep_pages() -> None:
    """Let this process keep what it frees. C libraries other than glibc have no such setting, and are left alone."""
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _MOST)
        mallopt(_TOP_PAD, _TOP_PAD_BYTES)
