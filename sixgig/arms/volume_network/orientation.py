"""Volumes in another orientation: which axis of the prepared volume each axis of the network is, and its direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Where the axes D, H and W of a volume prepared from axial slices lead: up, down the rows, along the columns.
PREPARED = "SPR"
_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


def is_orientation(letters: str) -> bool:
    """Whether three letters name each axis of the body once."""
    return len(letters) == 3 and all(
        sum(letter in (axis, _OPPOSITE[axis]) for letter in letters) == 1 for axis in PREPARED
    )


def axes_of(letters: str) -> list[tuple[int, bool]]:
    """Return, for each axis of the network, the axis of the prepared volume (0 to 2) and whether it is mirrored."""
    found = []
    for letter in letters:
        mirrored = letter not in PREPARED
        found.append((PREPARED.index(_OPPOSITE[letter] if mirrored else letter), mirrored))
    return found


def oriented_size(size: Sequence[int], letters: str) -> tuple[int, ...]:
    """Return the size along the network's axes of a crop with this size along D, H and W."""
    return tuple(size[axis] for axis, _ in axes_of(letters))


def orient(crops: Any, letters: str) -> Any:
    """Return crops [n, c, D, H, W] (a tensor) along the network's axes."""
    axes = axes_of(letters)
    turned = crops.permute(0, 1, *(2 + axis for axis, _ in axes))
    mirrored = [2 + place for place, (_, flipped) in enumerate(axes) if flipped]
    return turned.flip(mirrored) if mirrored else turned
