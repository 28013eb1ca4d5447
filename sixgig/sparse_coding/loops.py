"""The compiled loops that several of the sparse coders share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sixgig.runtime.compilation import compiled

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Indices = NDArray[np.intp]
Vector = NDArray[np.floating]

#: Entries of a long row that are processed at a time; they stay in the first-level cache.
_TILE = 2048
#: Rows that one pass over a tile adds up, so that the sum is loaded and stored less often.
ROWS_PER_PASS = 4
#: Entries that share one extreme value in the search for the largest or smallest of a row.
BLOCK = 64


@compiled
def dot(a: Vector, b: Vector) -> float:
    """Return the inner product of two vectors of one length."""
    total = 0.0
    for index in range(a.shape[0]):
        total += a[index] * b[index]
    return total


@compiled
def _subtract_four(
    target: Vector, r0: Vector, r1: Vector, r2: Vector, r3: Vector, w0: float, w1: float, w2: float, w3: float
) -> None:
    # A loop from zero over whole slices is what the compiler turns into vector instructions.
    for j in range(target.shape[0]):
        target[j] -= (w0 * r0[j] + w1 * r1[j]) + (w2 * r2[j] + w3 * r3[j])


@compiled
def subtract_rows(target: Vector, start: Vector, matrix: Vector, rows: Indices, weights: Vector, count: int) -> None:
    """Set target = start - sum of weights[i] matrix[rows[i]] over the first ``count`` rows, in target's precision.

    Args:
        target: Result, [n].
        start: What is subtracted from, [n].
        matrix: [m, n], rows contiguous.
        rows: Indices of rows, longer than ``count`` by :data:`ROWS_PER_PASS`; the entries after ``count`` are
            overwritten.
        weights: Factors, as long as ``rows`` and of target's type; overwritten likewise.
        count: Rows that count, at least one.
    """
    # The last pass is filled up with zero weights, on a row that is in the cache already.
    passes = (count + ROWS_PER_PASS - 1) // ROWS_PER_PASS
    for index in range(count, passes * ROWS_PER_PASS):
        rows[index] = rows[0]
        weights[index] = 0.0
    n = target.shape[0]
    for low in range(0, n, _TILE):
        high = min(low + _TILE, n)
        part = target[low:high]
        part[:] = start[low:high]
        for i in range(0, passes * ROWS_PER_PASS, ROWS_PER_PASS):
            _subtract_four(
                part,
                matrix[rows[i], low:high],
                matrix[rows[i + 1], low:high],
                matrix[rows[i + 2], low:high],
                matrix[rows[i + 3], low:high],
                weights[i],
                weights[i + 1],
                weights[i + 2],
                weights[i + 3],
            )


@compiled
def _largest_bits(bits: NDArray[np.int32]) -> Any:
    largest = np.int32(0)
    for index in range(bits.shape[0]):
        largest = max(largest, bits[index] & np.int32(0x7FFFFFFF))
    return largest


@compiled
def block_magnitudes(values: Floats32, tops: Floats32) -> Any:
    """Fill ``tops`` with the largest absolute value of every :data:`BLOCK` entries, and return the largest of all.

    Without their sign bit floats are ordered as the integers of the same bits are, and the compiler finds the largest
    integer by vector instructions, but not the largest float.

    Args:
        values: [n], without NaN.
        tops: Result, [n / BLOCK, rounded up].
    """
    bits, top_bits = values.view(np.int32), tops.view(np.int32)
    for block in range(top_bits.shape[0]):
        top_bits[block] = _largest_bits(bits[block * BLOCK : (block + 1) * BLOCK])
    largest = np.float32(0.0)
    for block in range(tops.shape[0]):
        largest = max(largest, tops[block])
    return largest


@compiled
def first_smallest(values: Floats) -> tuple[int, float]:
    """Return the index of the first smallest of non-negative values, and the value; see :func:`block_magnitudes`."""
    bits = values.view(np.int64)
    smallest, where = bits[0], 0
    for start in range(0, bits.shape[0], BLOCK):
        block = bits[start : start + BLOCK]
        low = _smallest_bits(block)
        if low < smallest:
            smallest, where = low, start
    for index in range(where, values.shape[0]):
        if bits[index] == smallest:
            return index, values[index]
    return 0, values[0]


@compiled
def _smallest_bits(bits: NDArray[np.int64]) -> int:
    smallest = bits[0]
    for index in range(bits.shape[0]):
        smallest = min(smallest, bits[index])
    return smallest


def gram_matrix(dictionary: Floats) -> Floats32:
    """Return D D^T of atoms (rows), float32 [n_atoms, n_atoms]."""
    atoms = np.ascontiguousarray(dictionary, dtype=np.float32)
    gram: Floats32 = atoms @ atoms.T
    return gram
