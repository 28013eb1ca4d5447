"""From images to hand-made features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.arms.handcrafted.intensities import FIRST_ORDER, first_order, histogram

#: In the order in which `all` puts them.
DESCRIPTORS = ("histogram", "first_order", "lbp", "hog")
#: Cells along a side of a block of hog.
BLOCK = 2


def chosen(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the descriptors that a stanza asks for, in the order of their columns."""
    return DESCRIPTORS if options["descriptor"] == "all" else (str(options["descriptor"]),)


def lengths(options: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of features of one channel, by descriptor."""
    blocks = int(options["cells"]) - BLOCK + 1
    known = {
        "histogram": int(options["bins"]),
        "first_order": len(FIRST_ORDER),
        "lbp": sum(8 * radius + 2 for radius in options["radii"]),
        "hog": blocks**2 * BLOCK**2 * int(options["orientations"]),
    }
    return {name: known[name] for name in chosen(options)}


def describe_rows(images: Path, start: int, stop: int, channels: int, options: Mapping[str, Any]) -> np.ndarray:
    """Describe some images of a file; see :func:`describe`. A process of its own can be told to."""
    return describe(np.array(np.load(images, mmap_mode="r")[start:stop]), channels, options)


def describe(images: np.ndarray, channels: int, options: Mapping[str, Any]) -> np.ndarray:
    """Compute the features of images.

    Args:
        images: uint8 [n, H, W, 3].
        channels: How many of the three are described, 1 or 3.
        options: The arm's stanza.

    Returns:
        float32 [n, d]; d is ``channels`` times the sum of :func:`lengths`. The channels stand one after another, each
        with its descriptors in the order of :func:`chosen`.
    """
    masks = foreground(images, options["foreground"])
    parts: list[np.ndarray] = []
    for channel in range(channels):
        grey = np.ascontiguousarray(images[..., channel])
        counts = np.stack([np.bincount(image[mask], minlength=256) for image, mask in zip(grey, masks, strict=True)])
        for name in chosen(options):
            if name == "histogram":
                parts.append(histogram(counts, int(options["bins"])))
            elif name == "first_order":
                parts.append(first_order(counts, int(options["bin_width"])))
            elif name == "lbp":
                parts.append(_patterns(grey, masks, options["radii"]))
            else:
                parts.append(_gradients(grey, int(options["cells"]), int(options["orientations"])))
    return np.concatenate(parts, axis=1).astype(np.float32)


def foreground(images: np.ndarray, rule: str) -> np.ndarray:
    """Say which pixels count.

    Args:
        images: uint8 [n, H, W, 3].
        rule: ``nonzero``, ``box`` or ``all``; see the option ``foreground``.

    Returns:
        bool [n, H, W]; an image without a pixel above 0 counts whole.
    """
    masks = np.asarray(images.any(axis=3))
    if rule == "all":
        masks = np.ones_like(masks)
    if rule == "box":
        rows, columns = np.asarray(masks.any(axis=2)), np.asarray(masks.any(axis=1))
        masks = _between(rows)[:, :, None] & _between(columns)[:, None, :]
    masks[~masks.any(axis=(1, 2))] = True
    return masks


def _between(marked: np.ndarray) -> np.ndarray:
    """Mark all places from the first marked one of each row to the last."""
    forth = np.maximum.accumulate(marked, axis=1)
    back = np.maximum.accumulate(marked[:, ::-1], axis=1)[:, ::-1]
    found: np.ndarray = forth & back
    return found


def _patterns(grey: np.ndarray, masks: np.ndarray, radii: Any) -> np.ndarray:
    """Return shares of rotation invariant uniform patterns (Ojala et al. 2002) among the pixels that count.

    A pixel at the border compares with 0 outside of the image.
    """
    from skimage.feature import local_binary_pattern

    rows = []
    for image, mask in zip(grey, masks, strict=True):
        shares = []
        for radius in radii:
            codes = local_binary_pattern(image, 8 * radius, radius, method="uniform")
            found = np.bincount(codes[mask].astype(np.int64), minlength=8 * radius + 2)
            shares.append(found / found.sum())
        rows.append(np.concatenate(shares))
    return np.stack(rows)


def _gradients(grey: np.ndarray, cells: int, orientations: int) -> np.ndarray:
    """Return histograms of oriented gradients (Dalal and Triggs 2005), blocks of 2 x 2 cells, normed by L2-Hys.

    Pixels that no whole cell holds are left out, the same number on both sides.
    """
    from skimage.feature import hog

    side = grey.shape[1] // cells
    margin = (grey.shape[1] - side * cells) // 2
    inner = slice(margin, margin + side * cells)
    return np.stack(
        [
            hog(
                image[inner, inner], orientations, (side, side), (BLOCK, BLOCK), block_norm="L2-Hys",
                feature_vector=True,
            )
            for image in grey
        ]
    )  # fmt: skip
