"""Augmentation of single images, and the pixels of a batch (Chaitanya et al. 2020, arXiv 2006.10511, section 4).

Every image has its own draws, from a random stream seeded by (seed, step, position in the batch): the published code
draws once per batch. NumPy alone, so that both environments see the same pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Sequence

import numpy as np

from sixgig.contrastive.sampling import STAGES, Batch, random_state

if TYPE_CHECKING:
    from sixgig.contrastive.settings import Settings

_BRIGHTEST = 1.5  # of images in [0, 1], as published


class Augmentation(NamedTuple):
    """How strongly images are augmented.

    Attributes:
        crop_fraction: Side of the random crop as a share of the image's, above 0 and at most 1.
        brightness: Largest offset added or taken away, of images in [0, 1].
        contrast_low: Smallest contrast factor.
        contrast_high: Largest contrast factor.
    """

    crop_fraction: float
    brightness: float
    contrast_low: float
    contrast_high: float


def prepare_batch(
    images: np.ndarray,
    batch: Batch,
    mean: Sequence[float],
    std: Sequence[float],
    options: Augmentation | Settings,
    seed: int,
    step: int,
) -> np.ndarray:
    """Read, augment and normalise the images of a batch.

    All-zero images (row -1) are zero before normalisation. In the local stage the geometry stays as it is, so that a
    region of one view shows what it shows in the other.

    Args:
        images: uint8 [n, H, W, 3], may be memory-mapped.
        batch: Rows, and which of them are augmented.
        mean: Per channel, subtracted from images in [0, 1].
        std: Per channel, divides them.
        options: Strength of the augmentation.
        seed: Of all draws.
        step: The step that the batch is of.

    Returns:
        float32 [m, H, W, 3].
    """
    crop_fraction = 1.0 if batch.stage == "local" else options.crop_fraction
    contrast = (options.contrast_low, options.contrast_high)
    prepared = np.zeros((len(batch.rows), *images.shape[1:]), dtype=np.float32)
    for position, row in enumerate(batch.rows):
        if row < 0:
            continue
        image = np.asarray(images[row], dtype=np.float32) / 255
        if batch.augment[position]:
            random = random_state(1, seed, step, STAGES.index(batch.stage), position)
            image = augment(image, random, crop_fraction, options.brightness, contrast)
        prepared[position] = image
    prepared -= np.asarray(mean, dtype=np.float32)
    prepared /= np.asarray(std, dtype=np.float32)
    return prepared


def augment(
    image: np.ndarray,
    random: np.random.RandomState,
    crop_fraction: float,
    brightness: float,
    contrast: tuple[float, float],
) -> np.ndarray:
    """Crop, brighten and contrast one image at random.

    A square crop of side round(crop_fraction x H) at a random place, resized back; an offset, uniform in
    [-brightness, brightness]; contrast around the mean of each channel, its factor uniform in ``contrast``; clipped to
    [0, 1.5].

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: Source of the draws.
        crop_fraction: Above 0 and at most 1; 1 leaves the geometry of a square image alone.
        brightness: Largest offset.
        contrast: Smallest and largest factor.

    Returns:
        float32 [H, W, 3].
    """
    top, left, offset, factor = random.random_sample(4)
    height, width = image.shape[:2]
    side = min(max(round(crop_fraction * height), 1), height, width)
    if (side, side) != (height, width):
        top, left = int(top * (height - side + 1)), int(left * (width - side + 1))
        image = resize(image[top : top + side, left : left + side], height, width)
    # Plain floats: NumPy 2 would raise a float32 array to the precision of a float64 scalar, NumPy 1 does not.
    offset = brightness * (2 * float(offset) - 1)
    factor = contrast[0] + (contrast[1] - contrast[0]) * float(factor)
    centre = image.reshape(-1, image.shape[2]).mean(axis=0, dtype=np.float64)
    # (x + offset - (centre + offset)) * factor + (centre + offset)
    shift = (centre * (1 - factor) + offset).astype(np.float32)
    return np.clip(image * factor + shift, 0, _BRIGHTEST)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize by bilinear interpolation between pixel centres (half-pixel convention), float32 [height, width, c].

    Args:
        image: float32 [h, w, c].
        height: Rows wanted.
        width: Columns wanted.
    """
    above, below, share = _neighbours(image.shape[0], height)
    rows = _mix(image[above], image[below], share[:, None, None])
    left, right, share = _neighbours(image.shape[1], width)
    return _mix(rows[:, left], rows[:, right], share[:, None])


def _neighbours(size: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each of ``wanted`` pixels, its two neighbours among ``size`` and the share of the second."""
    centre = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    first = np.floor(centre).astype(np.int64)
    second = np.minimum(first + 1, size - 1)
    return first, second, (centre - first).astype(np.float32)


def _mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return first + share x (second - first), reusing the memory of ``second``, which is the caller's own."""
    second -= first
    second *= share
    second += first
    return second
