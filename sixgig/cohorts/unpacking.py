"""Files in memory, gzipped ones unpacked by ISA-L to where their voxels will be used."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from isal import igzip_lib

Bytes = npt.NDArray[np.uint8]

_MAGIC = b"\x1f\x8b"
#: Header and trailer of a gzip member without content.
_SHORTEST = 18
#: Deflate packs at most 1032 bytes into one: a file that claims more is not believed.
_MOST_PER_BYTE = 1032
#: Bytes unpacked at a time; they stay in the processor's cache until they are copied to their place.
_CHUNK = 1 << 18
#: What unpacking raises on damaged bytes, besides OSError and EOFError.
UNPACKING_ERRORS = (zlib.error, cast("type[Exception]", igzip_lib.error))


def unpacked_size(path: Path) -> int:
    """Return how many bytes a file says it has when unpacked, or 0 when it cannot be known. Reads only its ends."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            if stream.read(2) != _MAGIC:
                return size
            stream.seek(-4, 2)
            return _believed(int.from_bytes(stream.read(4), "little"), size)
    except OSError:
        return 0


def read_unpacked(path: Path, room: Bytes | None = None) -> Bytes:
    """Read a file whole, and unpack it when it is gzipped, whatever its name.

    The stream is unpacked to its end, so that its checksum and length are verified.

    Args:
        path: The file.
        room: Where the content goes when it has just this size, so that it need not be copied there.

    Returns:
        uint8 [n]; ``room`` itself when the content went there.

    Raises:
        OSError: The file cannot be read.
        EOFError: The stream ends early.
        ValueError: Something else follows the stream.
        zlib.error: The stream is damaged (also ``igzip_lib.error``).
    """
    with path.open("rb") as stream:
        if stream.read(2) == _MAGIC:
            stream.seek(0)
            return _unpack(stream.read(), room)
        size = stream.seek(0, 2)
        stream.seek(0)
        content = room if room is not None and room.size == size else np.empty(size, np.uint8)
        if stream.readinto(content.data) != size:
            raise EOFError("the file became shorter while it was read")
        return content


def read_start(path: Path, length: int) -> Bytes:
    """Return the first ``length`` bytes of a file's unpacked content, or all when there are fewer.

    Raises:
        OSError, zlib.error: See :func:`read_unpacked`; what follows is not checked.
    """
    with path.open("rb") as stream:
        start = stream.read(_CHUNK)
    if start.startswith(_MAGIC):
        start = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP).decompress(start, length)
    return np.frombuffer(start[:length], np.uint8)


def _believed(claimed: int, packed: int) -> int:
    return claimed if packed >= _SHORTEST and claimed <= packed * _MOST_PER_BYTE else 0


def _unpack(data: bytes, room: Bytes | None) -> Bytes:
    size = _believed(int.from_bytes(data[-4:], "little"), len(data))
    content = room if room is not None and room.size == size else np.empty(size, np.uint8)
    used = 0
    rest: bytes = data
    while rest:
        member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while not member.eof:
            chunk = np.frombuffer(member.decompress(rest, _CHUNK), np.uint8)
            if not len(chunk) and not member.eof and member.needs_input:
                raise EOFError("the gzip stream ends early")
            rest = b""
            if used + len(chunk) > len(content):  # several members: the trailer describes the last one only
                longer = np.empty(max(2 * len(content), used + len(chunk)), np.uint8)
                longer[:used] = content[:used]
                content = longer
            content[used : used + len(chunk)] = chunk
            used += len(chunk)
        rest = member.unused_data.lstrip(b"\0")  # zeros may pad a gzip file
        if rest and not rest.startswith(_MAGIC):
            raise ValueError(f"{len(rest)} bytes that are not gzip follow the gzip stream")
    return content[:used] if used < len(content) else content
