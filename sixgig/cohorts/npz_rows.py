"""Arrays inside an ``.npz``: their names, and their rows one by one, so that no array is in memory as a whole."""

from __future__ import annotations

import io
import lzma
import math
import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sixgig.errors import CohortError, ImageError

AGAIN = "download the file again, or save the arrays again with numpy.savez_compressed"
#: Whatever zipfile, its decompressors and numpy's reader raise on damaged bytes; NotImplementedError for a compression
#: that zipfile does not know, RuntimeError for encrypted members.
ZIP_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    TypeError,
    SyntaxError,
    AttributeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays in an ``.npz``, without ``.npy``.

    Raises:
        CohortError: It is damaged, or no zip file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except ZIP_ERRORS as error:
        raise CohortError(path, f"is damaged: it is not an .npz (zip) file ({_said(error)})", AGAIN) from error


def read_array(path: Path, name: str) -> npt.NDArray[Any]:
    """Read a small array whole.

    Raises:
        CohortError: It cannot be read, or holds objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
    except ZIP_ERRORS as error:
        raise CohortError(path, f"{name} cannot be read: {_said(error)}", AGAIN) from error


class Rows:
    """The rows of an array, read in order.

    Args:
        path: The ``.npz``.
        name: The array.

    Attributes:
        shape: Of the array.
        dtype: Of the array.
        next: The row that is read next.

    Raises:
        CohortError: The array cannot be read, or is not stored row by row.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        try:
            self._archive = zipfile.ZipFile(path)
            self._stream: IO[bytes] = self._archive.open(f"{name}.npy")
            version = np.lib.format.read_magic(self._stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            self.shape, fortran, self.dtype = read(self._stream)
        except ZIP_ERRORS as error:
            raise CohortError(path, f"{name} cannot be read: {_said(error)}", AGAIN) from error
        if not self.shape or min(self.shape) < 0 or self.dtype.hasobject:
            raise CohortError(path, f"{name} is {self.dtype} {list(self.shape)}, not images", AGAIN)
        if fortran and len(self.shape) > 1:
            raise CohortError(path, f"{name} is stored column by column", "save it with numpy.ascontiguousarray")
        self.next = 0

    def read(self, index: int) -> npt.NDArray[Any]:
        """Return a row that is not before the last one.

        Raises:
            ImageError: The file ends before it, or is damaged there.
        """
        length = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            for _ in range(self.next, index):
                self._take(length)
            data = self._take(length)
        except ZIP_ERRORS as error:
            raise ImageError(f"{self._name}.npy/{index}", f"cannot be read: {_said(error)}", AGAIN) from error
        self.next = index + 1
        return np.frombuffer(data, dtype=self.dtype).reshape(self.shape[1:])

    def _take(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise EOFError("the file ends early")
        return data

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._archive.close()


@lru_cache(maxsize=3)
def _open_rows(path: Path, name: str, modified: int) -> list[Rows]:
    """One open stream per process and array, in a list of one so that it can be replaced."""
    del modified  # part of the key, so that a replaced file is opened again
    return [Rows(path, name)]


def read_row(path: Path, name: str, index: int) -> npt.NDArray[Any]:
    """Return a row of an array; fastest in ascending order.

    Raises:
        CohortError: See :class:`Rows`.
        ImageError: See :meth:`Rows.read`.
    """
    held = _open_rows(path, name, path.stat().st_mtime_ns)
    if index < held[0].next:
        held[0] = Rows(path, name)
    try:
        return held[0].read(index)
    except ImageError:
        held[0] = Rows(path, name)  # a broken stream stays where it broke
        raise


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
