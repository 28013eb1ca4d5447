"""What hand-made features take, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.arms.handcrafted.descriptors import chosen, lengths
from sixgig.gpu.work import Amount

#: Seconds on a core of the reference machine per image and pixel of a channel; of lbp, per point of its circles.
_PER_PIXEL = {"histogram": 1.0e-8, "first_order": 1.0e-8, "hog": 1.4e-7}
_PER_POINT = 1.2e-8


def seconds(options: Mapping[str, Any], amount: Amount) -> float:
    """Return the time of describing a cohort's images, in seconds of one core of the reference machine.

    Args:
        options: The arm's stanza.
        amount: Of the cohort.
    """
    pixel = sum(_PER_PIXEL.get(name, 0.0) for name in chosen(options))
    if "lbp" in chosen(options):
        pixel += sum(8 * radius for radius in options["radii"]) * _PER_POINT
    return 1.0 + amount.images * _described(amount) * amount.image_size**2 * pixel


def length(options: Mapping[str, Any], amount: Amount) -> int:
    """Return the number of features of an image."""
    return _described(amount) * sum(lengths(options).values())


def _described(amount: Amount) -> int:
    """Return how many channels are described: one where the three are the same."""
    return 3 if amount.channels > 1 else 1
