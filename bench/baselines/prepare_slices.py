"""Slices of volumes the plain way: percentiles of what is above zero, then Pillow resizes slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image


def slices(channels: Sequence[Any], count: int | None, size: int, padded: bool = False) -> Any:
    """Return pictures, uint8 [count, size, size, 3].

    Args:
        channels: Volumes [X, Y, Z] of one subject; one of them is shown in grey, of several the first three.
        count: Slices, spread over those that hold something without a margin of 5% at each end; None for all of those.
        size: Side of the pictures in pixels.
        padded: Pad slices to squares first.
    """
    scaled = []
    for data in channels:
        low, high = np.percentile(data[data > 0], [1, 99])
        scaled.append(np.clip((data - low) / (high - low), 0, 1) * (data > 0))
    filled = np.flatnonzero((scaled[0] > 0).any(axis=(0, 1)))
    margin = len(filled) // 20
    places = filled[margin : len(filled) - margin]
    if count is not None:
        places = places[((np.arange(count) + 0.5) * len(places) / count).astype(int)]
    shown = scaled[:3] if len(scaled) > 1 else scaled * 3
    pictures = []
    for place in places:
        picture = Image.fromarray(np.stack([np.rot90(one[:, :, place]) * 255 for one in shown], -1).astype(np.uint8))
        if padded:
            side = max(picture.size)
            square = Image.new("RGB", (side, side))
            square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
            picture = square
        pictures.append(np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)))
    return np.stack(pictures)
