"""The way of one picture: from the pixels as they were read to the image that networks see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Image2D, Remark
from sixgig.cohorts.foreground import find_foreground
from sixgig.cohorts.images import fit, three_channels
from sixgig.cohorts.normalisation import find_range, scaled
from sixgig.cohorts.recipe import Recipe

#: What is said of a picture that cannot stay as it is although the study file asks for nothing.
OWN_RANGE = "has more than 8 bits a pixel: shown between the 1st and the 99th percentile of its own pixels"


def prepare_picture(image: Image2D, recipe: Recipe) -> tuple[npt.NDArray[np.uint8], tuple[Remark, ...]]:
    """Return an image of the recipe's size, and what is to be known of it.

    An 8-bit picture stays as it is unless the study file says how intensities are normalised. Every other one is
    normalised as a volume is, over its foreground. The channels of RGB share one range, because a range of its own for
    each would change the colours.

    Args:
        image: The picture as it was read.
        recipe: How it is prepared.

    Returns:
        uint8 [image_size, image_size, 3], and the remarks, those of the reader included.

    Raises:
        ImageError: There is no foreground, or no contrast in it.
    """
    size = (recipe.image_size, recipe.image_size)
    if image.array.dtype == np.uint8 and recipe.keep_8_bit:
        picture = fit(image.array, size, how=recipe.image_filter, crop=recipe.image_crop)
        return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture, image.remarks
    values = _normalised(image, recipe)
    planes = [values] if values.ndim == 2 else [values[..., channel] for channel in range(3)]
    fitted = [fit(plane, size, how=recipe.image_filter, crop=recipe.image_crop) for plane in planes]
    picture = three_channels(np.stack(fitted))
    own = (Remark("intensity", image.source, None, OWN_RANGE),) if recipe.keep_8_bit else ()
    return picture, (*image.remarks, *own)


def _normalised(image: Image2D, recipe: Recipe) -> npt.NDArray[np.float32]:
    """Return [H, W] or [H, W, 3] in [0, 1], 0 outside the foreground."""
    array, source = image.array, image.source
    # As a volume of one slice, X fastest; the colours of a pixel are its channels there.
    mask = find_foreground(array.reshape(*array.shape[:2], -1).swapaxes(0, 1)[:, :, None], recipe.foreground, source)
    inside = None if mask is None else mask[:, :, 0].T
    pixels = array if inside is None else array[inside]
    # One range for all channels: side by side they are one plane.
    plane = np.ascontiguousarray(pixels).reshape(len(pixels), -1).T[..., None]
    values = scaled(array, find_range(plane, None, recipe.normalisation, source, image.window))
    if inside is not None:
        values *= inside if values.ndim == 2 else inside[..., None]
    return values


def mixed_depths(rows: Sequence[Mapping[str, Any]], remarks: Iterable[Remark]) -> list[Remark]:
    """Return a remark when some images of a cohort have more than 8 bits and others not: only those were stretched.

    Args:
        rows: Rows of the manifest.
        remarks: All remarks on the cohort.
    """
    deep = {remark.file for remark in remarks if remark.text == OWN_RANGE}
    number = sum(row["source"] in deep for row in rows)
    if number in (0, len(rows)):
        return []
    classes = Counter(row["label"] or "no class" for row in rows)
    stretched = Counter(row["label"] or "no class" for row in rows if row["source"] in deep)
    shares = ", ".join(f"{name} {stretched[name]} of {classes[name]}" for name in sorted(classes))
    text = (
        f"{number} of {len(rows)} images had more than 8 bits and {len(rows) - number} had 8, which stay as they are; "
        f"where classes differ in this ({shares}), it may be what tells them apart: set `normalise` for all"
    )
    return [Remark("intensity", ".", None, text)]
