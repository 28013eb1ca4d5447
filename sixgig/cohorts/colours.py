"""The kinds of pixels that pictures have, and how each becomes grey or RGB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sixgig.errors import ImageError

#: Values, with opacity as the last of two or four channels; and what is to be known, as sentences without a subject.
Read = tuple[npt.NDArray[np.uint8], list[str]]


def _grey(image: Image.Image) -> Read:
    return np.asarray(image.convert("LA" if "transparency" in image.info else "L")), []


def _colours(image: Image.Image) -> Read:
    return np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB")), []


def _with_opacity(image: Image.Image) -> Read:
    return np.asarray(image), []


def _premultiplied(image: Image.Image) -> Read:
    return np.asarray(image.convert("LA" if image.mode == "La" else "RGBA")), []


def _palette(image: Image.Image) -> Read:
    """Return the colours that the indices stand for, or grey when all of them are."""
    opacity = image.mode == "PA" or "transparency" in image.info
    array = np.asarray(image.convert("RGBA" if opacity else "RGB"))
    if (array[..., :1] == array[..., 1:3]).all():
        array = array[..., [0, 3]] if opacity else array[..., 0]
    return array, []


def _inks(image: Image.Image) -> Read:
    return np.asarray(image.convert("RGB")), ["is in printing colours (CMYK), shown without their profile"]


#: Pillow's names of the kinds of 8-bit pixels.
MODES: Mapping[str, Callable[[Image.Image], Read]] = {
    "1": _grey,
    "L": _grey,
    "LA": _with_opacity,
    "La": _premultiplied,
    "RGB": _colours,
    "RGBA": _with_opacity,
    "RGBa": _premultiplied,
    "P": _palette,
    "PA": _palette,
    "CMYK": _inks,
    "YCbCr": _colours,
    "LAB": _colours,
    "HSV": _colours,
}


def without_opacity(array: npt.NDArray[Any], place: object) -> tuple[npt.NDArray[Any], list[str]]:
    """Lay a picture over black, which is also what pictures are padded with: colours that nobody sees stay unseen.

    Args:
        array: uint8 or uint16 [H, W, 2] or [H, W, 4], opacity last.
        place: The file, for the error message.

    Returns:
        [H, W] or [H, W, 3] of the same type, and what is to be known when the picture changed.

    Raises:
        ImageError: All of it is transparent.
    """
    full = int(np.iinfo(array.dtype).max)
    opacity = array[..., -1:]
    values = array[..., :-1]
    if not opacity.any():
        raise ImageError(place, "is wholly transparent", "save it without transparency")
    said = []
    if (opacity < full).any():
        laid = ((values.astype(np.uint32) * opacity + full // 2) // full).astype(array.dtype)
        if not np.array_equal(laid, values):
            said = ["has transparent parts, which are shown black"]
        values = laid
    return np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values), said


def turn(array: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn a picture upright.

    Args:
        array: [H, W] or [H, W, 3].
        orientation: EXIF's number, 1 to 8; of others nothing is known.
    """
    swapped = array.swapaxes(0, 1)
    turned = {
        2: array[:, ::-1],
        3: array[::-1, ::-1],
        4: array[::-1],
        5: swapped,
        6: swapped[:, ::-1],
        7: swapped[::-1, ::-1],
        8: swapped[::-1],
    }.get(orientation, array)
    return np.ascontiguousarray(turned)
