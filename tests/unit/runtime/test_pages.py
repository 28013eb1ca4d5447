"""Memory that is freed and asked for again brings no page faults."""

import subprocess
import sys

import pytest

_COUNT = """
import ctypes, resource, sys
from sixgig.runtime.pages import keep_pages
if sys.argv[1] == "keep":
    keep_pages()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
size = 40 * 2**20
def touch():
    place = libc.malloc(size)
    ctypes.memset(place, 1, size)
    libc.free(place)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's setting")
def test_freed_memory_is_used_again_without_page_faults():
    found = {
        how: int(subprocess.run([sys.executable, "-c", _COUNT, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "leave")
    }
    assert found["keep"] < 5 < 50 < found["leave"]
