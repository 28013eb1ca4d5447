"""Picture files of kinds that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

_CODES = {"B": 1, "H": 3, "I": 4}


def file_of(image: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return what Pillow writes."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def tiff(
    array: np.ndarray,
    photometric: int = 1,
    sample_format: int = 1,
    order: Literal["<", ">"] = "<",
    tags: Mapping[int, tuple[str, Sequence[int]]] | None = None,
) -> bytes:
    """Return an uncompressed TIFF of one strip: array [H, W] or [H, W, C]; order ``<`` or ``>``; further tags."""
    height, width = array.shape[:2]
    samples = 1 if array.ndim == 2 else array.shape[2]
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    bits = array.dtype.itemsize * 8
    fields: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits] * samples), 259: ("H", [1]),
        262: ("H", [photometric]), 273: ("I", [0]), 277: ("H", [samples]), 278: ("I", [height]),
        279: ("I", [len(data)]), 284: ("H", [1]), 339: ("H", [sample_format] * samples), **(tags or {}),
    }  # fmt: skip
    packed = {tag: struct.pack(f"{order}{len(values)}{code}", *values) for tag, (code, values) in fields.items()}
    start = 8 + 2 + 12 * len(fields) + 4
    end = start + sum(len(raw) for raw in packed.values() if len(raw) > 4)
    packed[273] = struct.pack(f"{order}I", end)
    entries = later = b""
    for tag in sorted(fields):
        raw = packed[tag]
        value = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", start + len(later))
        later += raw if len(raw) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, _CODES[fields[tag][0]], len(fields[tag][1])) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(fields))
    return head + entries + struct.pack(f"{order}I", 0) + later + data


def png16(array: np.ndarray) -> bytes:
    """Return a PNG of uint16 [H, W, C]: grey, grey and opacity, RGB, or RGB and opacity."""
    height, width, channels = array.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
