"""Which slices of a volume become pictures, and which part of the volume each belongs to."""

from __future__ import annotations

#: Part of the slices left out at each end: the first slices of a head show little but its skin or its cap.
_MARGIN = 0.05


def choose_slices(n_slices: int, *, every: int | None = None, count: int | None = None) -> list[int]:
    """Choose positions, centred and evenly spread, without the outermost 5% at each end.

    Args:
        n_slices: Extent of the foreground across the slices.
        every: Take each ``every``-th slice.
        count: Take this many slices, or all when there are fewer.

    Returns:
        Ascending, distinct indices in ``range(n_slices)``; all within the margins when neither is given.
    """
    margin = int(n_slices * _MARGIN)
    inner = range(margin, n_slices - margin)
    if every is not None:
        return list(inner[(len(inner) - 1) % every // 2 :: every])
    if count is not None and count < len(inner):
        return [inner[int((position + 0.5) * len(inner) / count)] for position in range(count)]
    return list(inner)


def partition_of(index: int, n_slices: int, n_partitions: int) -> int:
    """Return which of ``n_partitions`` equal parts of the slices holds slice ``index``, from 0 at the first."""
    return index * n_partitions // n_slices


def fills_partitions(deepest: int, partitions: int, *, every: int | None = None, count: int | None = None) -> bool:
    """Whether some volume of up to ``deepest`` slices gives a slice of every partition; see :func:`choose_slices`."""
    return any(
        len({partition_of(index, depth, partitions) for index in choose_slices(depth, every=every, count=count)})
        == partitions
        for depth in range(partitions, deepest + 1)
    )
