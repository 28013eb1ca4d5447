"""A .npy file that grows row by row, so that an array larger than memory can be written without knowing its length."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt


class ArrayStream:
    """Appends rows to a .npy file; numpy can memory-map it once it is closed.

    Args:
        path: File to write.
        row_shape: Shape of one row.
        dtype: Type of the values.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._row_shape, self._dtype = row_shape, np.dtype(dtype)
        self.n_rows = 0
        self._stream: BinaryIO = path.open("wb")
        self._write_header()
        self._data_start = self._stream.tell()

    @property
    def n_bytes(self) -> int:
        """Bytes of the array so far, without the header."""
        return self.n_rows * int(np.prod(self._row_shape)) * self._dtype.itemsize

    def append(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows of shape [n, *row_shape]; values are converted to the file's type."""
        if rows.shape[1:] != self._row_shape:
            raise ValueError(f"rows have shape {rows.shape[1:]}, the file holds {self._row_shape}")
        self._stream.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self.n_rows += len(rows)

    def close(self) -> None:
        """Write the final shape into the header and close the file."""
        if self._stream.closed:
            return
        self._stream.seek(0)
        self._write_header()
        if self._stream.tell() != self._data_start:
            raise RuntimeError("numpy changed the length of the header: the file is damaged")
        self._stream.close()

    def _write_header(self) -> None:
        # numpy pads the header so that the first axis can grow to 21 digits in place.
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.n_rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self._stream, header)

    def __enter__(self) -> ArrayStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
