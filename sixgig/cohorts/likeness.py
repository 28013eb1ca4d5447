"""Which prepared pictures show the same: signatures that eight turns and flips do not hide, compared pair by pair.

Two pictures are near copies when both hold, in the best of the eight orientations of a square:

- their correlation is above :data:`R`;
- so is, above :data:`OWN_R`, the correlation of what they do not share with the whole cohort, its mean and its first
  principal components. Pictures of one kind (empty solar cells, slices at one height) correlate at 0.99 and are no
  copies. :data:`ALONE_R` is enough for two pictures of which neither correlates above R with a third.

Correlation above R bounds the distance of two standardised pictures, and by Parseval that of any part of their cosine
transforms. So low frequencies alone tell which pairs can be copies, and no pair is lost, which the Hamming distance of
their signs (a perceptual hash) cannot promise. A flip changes signs of the transform and a turn transposes it too:
eight orientations cost as much as two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

#: Correlation of near copies.
R = 0.98
#: Correlation of what near copies do not share with the cohort.
OWN_R = 0.9
#: The same, for two pictures that are like no third one.
ALONE_R = 0.7
#: Names of the orientations, in the order of :func:`_turned`: how the first picture of a pair became the second.
ORIENTATIONS = (
    "as it is", "mirrored left-right", "mirrored up-down", "rotated by 180 degrees",
    "mirrored on the diagonal", "rotated left by 90 degrees", "rotated right by 90 degrees",
    "mirrored on the other diagonal",
)  # fmt: skip
_LOW = 16  # cosine frequencies along an axis that are compared for every pair
_BLOCK = 1024
_CHECKED_AT_ONCE = 512
_COMPONENTS = 16
_PICTURES_PER_COMPONENT = 30
_SHARED_BY = 10  # pictures at least that a component is about (one over the sum of its loadings to the fourth power)
_SAMPLE = 512
#: Parts of the transform: even or odd rows, even or odd columns.
_SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


class Pair(NamedTuple):
    """Two near copies: their places (first < second), the orientation of the second against the first, and r."""

    first: int
    second: int
    orientation: str
    r: float


def standardise(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give every picture mean 0 and length 1.

    Args:
        pictures: [n, C, S, S]; C planes of one volume, or 1. None may be of one single value.
    """
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return flat.reshape(pictures.shape)


def near_pairs(pictures: npt.NDArray[np.floating], slack: float = 0.0) -> list[Pair]:
    """Find all near copies.

    Args:
        pictures: [n, C, S, S], from :func:`standardise`; may be float16.
        slack: How much below :data:`R` and :data:`OWN_R` still counts.

    Returns:
        Pairs in ascending order, each in its best orientation.
    """
    if len(pictures) < 2:
        return []
    pairs: list[Pair] = []
    doubtful: list[Pair] = []
    partners = np.zeros(len(pictures), np.int64)
    with threadpool_limits(1):  # the same digits whatever the number of threads
        common = _Common(pictures)
        for rows, columns in _candidates(pictures, 1 - (R - slack)):
            for start in range(0, len(rows), _CHECKED_AT_ONCE):
                part = slice(start, start + _CHECKED_AT_ONCE)
                for pair, r, own in _checked(pictures, common, rows[part], columns[part]):
                    # With slack more pairs are alone, so that what is found without it is found with it too.
                    partners[[pair.first, pair.second]] += r > R + slack
                    if r > R - slack and own > ALONE_R - slack:
                        (pairs if own > OWN_R - slack else doubtful).append(pair)
    return sorted(pairs + [pair for pair in doubtful if max(partners[pair.first], partners[pair.second]) < 2])


def _turned(pictures: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return pictures [..., S, S] in the eight orientations of :data:`ORIENTATIONS`."""
    turned = pictures.swapaxes(-1, -2)
    return [
        pictures, pictures[..., ::-1], pictures[..., ::-1, :], pictures[..., ::-1, ::-1],
        turned, turned[..., ::-1, :], turned[..., ::-1], turned[..., ::-1, ::-1],
    ]  # fmt: skip


def _candidates(pictures: npt.NDArray[np.floating], distance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of pairs, first < second, whose low frequencies do not rule out 1 - r below ``distance``."""
    low = min(_LOW, pictures.shape[-1])
    signs = np.where(np.arange(low) % 2 == 0, 1, -1)
    waves = np.concatenate(
        [
            dctn(pictures[start : start + _BLOCK].astype(np.float32), axes=(-2, -1), norm="ortho")[..., :low, :low]
            for start in range(0, len(pictures), _BLOCK)
        ]
    )
    # The four parts with even or odd rows and columns: a flip changes the sign of a whole part.
    parity = [(signs[:, None] == rows) & (signs[None, :] == columns) for rows, columns in _SIGNS]
    as_is = [np.ascontiguousarray(waves[..., part].reshape(len(waves), -1)) for part in parity]
    transposed = waves.swapaxes(-1, -2)
    turned = [np.ascontiguousarray(transposed[..., part].reshape(len(waves), -1)) for part in parity]
    energy = (waves.reshape(len(waves), -1) ** 2).sum(axis=1)
    for top in range(0, len(waves), _BLOCK):
        rows = slice(top, top + _BLOCK)
        for left in range(top, len(waves), _BLOCK):
            columns = slice(left, left + _BLOCK)
            best = np.maximum(
                *(_best_flip([a[rows] @ b[columns].T for a, b in zip(as_is, other, strict=True)])
                  for other in (as_is, turned))
            )  # fmt: skip
            # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y is at most 2 (1 - r) over all frequencies, and smaller over some.
            near = energy[rows, None] + energy[None, columns] - 2 * best <= 2 * distance + 1e-4
            if left == top:
                near = np.triu(near, 1)
            first, second = np.nonzero(near)
            if len(first):
                yield first + top, second + left


def _best_flip(products: list[np.ndarray]) -> np.ndarray:
    """Return the largest inner product over the four flips, from those of the four parts."""
    even, odd_columns, odd_rows, odd_both = products
    # ee + oo +- (eo + oe), and ee - oo +- (eo - oe)
    same = even + odd_both + np.abs(odd_columns + odd_rows)
    return np.maximum(same, even - odd_both + np.abs(odd_columns - odd_rows))


class _Common:
    """What the pictures of a cohort share: their mean and first principal components, in all eight orientations.

    Attributes:
        weights: float32 [8, n, k], coefficients of each picture, turned, for the shared patterns.
    """

    def __init__(self, pictures: npt.NDArray[np.floating]) -> None:
        count = min(_COMPONENTS, len(pictures) // _PICTURES_PER_COMPONENT)
        patterns = self._patterns(pictures, count)
        self.weights = np.zeros((8, len(pictures), len(patterns)), np.float32)
        for start in range(0, len(pictures) if count else 0, _BLOCK):
            part = pictures[start : start + _BLOCK].astype(np.float32)
            for orientation, turned in enumerate(_turned(part)):
                flat = np.ascontiguousarray(turned).reshape(len(part), -1)
                self.weights[orientation, start : start + len(part)] = flat @ patterns.T

    @staticmethod
    def _patterns(pictures: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.float32]:
        """Return orthonormal patterns [k, C * S * S]; none for a cohort that is too small to tell what it shares."""
        if not count:
            return np.zeros((0, pictures[0].size), np.float32)
        chosen = np.linspace(0, len(pictures) - 1, min(_SAMPLE, len(pictures))).astype(int)
        sample = pictures[chosen].astype(np.float64).reshape(len(chosen), -1)
        mean = sample.mean(axis=0)
        wanted = (max(0, len(sample) - 3 * count), len(sample) - 1)
        values, vectors = eigh((sample - mean) @ (sample - mean).T, subset_by_index=wanted)
        # What a few pictures have in common, copies perhaps, is not common to the cohort.
        shared_by = 1 / (vectors**4).sum(axis=0)
        used = (values > 1e-9 * max(float(values[-1]), 1e-12)) & (shared_by >= max(_SHARED_BY, len(sample) / 16))
        components = (vectors[:, used][:, -count:].T @ (sample - mean))[::-1]
        basis = np.linalg.qr(np.vstack([mean, components]).T)[0].T
        return np.asarray(basis, dtype=np.float32)


def _checked(
    pictures: npt.NDArray[np.floating], common: _Common, rows: np.ndarray, columns: np.ndarray
) -> list[tuple[Pair, float, float]]:
    """Return pairs in their best orientation with their r, rounded in the pair, and r without shared patterns."""
    first = pictures[rows].astype(np.float32)
    second = pictures[columns].astype(np.float32)
    products = np.stack([np.einsum("nchw,nchw->n", turned, second) for turned in _turned(first)])
    best = products.argmax(axis=0)
    r = products.max(axis=0) / (_lengths(first) * _lengths(second))  # float16 has three digits
    own = _own_r(common, rows, columns, best, r)
    return [
        (Pair(int(i), int(j), ORIENTATIONS[turn], round(min(1.0, float(like)), 4)), float(like), float(alone))
        for i, j, turn, like, alone in zip(rows, columns, best, r, own, strict=True)
    ]


def _lengths(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths: npt.NDArray[np.float32] = np.linalg.norm(pictures.reshape(len(pictures), -1), axis=1)
    return lengths


def _own_r(common: _Common, rows: np.ndarray, columns: np.ndarray, best: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return the correlation without shared patterns, in the frame where these explain most of both pictures."""
    own, least = np.full(len(rows), -1.0, np.float32), np.full(len(rows), np.inf, np.float32)
    for frame in range(8):
        # The second picture in this frame, and the first one turned so that it lies upon it.
        theirs = common.weights[frame, columns]
        mine = common.weights[_AFTER[frame][best], rows]
        left, right = 1 - (mine**2).sum(axis=1), 1 - (theirs**2).sum(axis=1)
        inner = r - (mine * theirs).sum(axis=1)
        value = inner / np.sqrt(np.maximum(left, 1e-6) * np.maximum(right, 1e-6))
        better = left + right < least
        own[better], least[better] = value[better], (left + right)[better]
    return own


def _composition() -> npt.NDArray[np.int64]:
    """Return [8, 8]: the one orientation that does the same as the column's and then the row's."""
    probe = np.arange(9).reshape(3, 3)
    number = {turned.tobytes(): place for place, turned in enumerate(map(np.ascontiguousarray, _turned(probe)))}
    return np.array(
        [[number[np.ascontiguousarray(_turned(once)[then]).tobytes()] for once in _turned(probe)] for then in range(8)]
    )


_AFTER = _composition()
