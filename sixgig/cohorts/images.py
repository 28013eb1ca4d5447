"""Pictures: decoding files, fitting into a square with antialiasing, three 8-bit channels."""

from __future__ import annotations

import io
import math
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from sixgig.cohorts.base import Image2D, Remark
from sixgig.cohorts.colours import MODES, turn, without_opacity
from sixgig.cohorts.deep_pictures import (
    RESAVE,
    grey_values,
    has_split_colours,
    is_deep_colour,
    read_deep_colour,
    read_unknown_tiff,
)
from sixgig.cohorts.dicom.files import SUFFIXES as DICOM
from sixgig.cohorts.dicom.picture import read_dicom_picture
from sixgig.cohorts.not_pictures import what_it_is
from sixgig.cohorts.pages import choose_page
from sixgig.errors import ImageError

#: Suffixes of files that :func:`read_picture` reads.
PICTURES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2", ".j2k", ".pbm", ".pgm",
    ".ppm", ".pnm", *DICOM,
)  # fmt: skip
#: What they may be, whatever their suffix says.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "JPEG2000", "PPM")
_NEXT_STEP = "restore the file from its original archive"
#: How a picture is resized.
Filter = Literal["bicubic", "bilinear"]
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
#: What a damaged file makes Pillow raise.
_DAMAGED = (
    OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, AttributeError, OverflowError,
    struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """A picture in memory.

    Attributes:
        array: Grey [H, W], the file's own values; colours [H, W, 3], uint8 or uint16.
        sayings: What is to be known: pairs of a remark's kind and text.
    """

    array: npt.NDArray[Any]
    sayings: tuple[tuple[Literal["intensity", "not read"], str], ...] = ()

    def remarks(self, source: str) -> tuple[Remark, ...]:
        """Return the remarks on a file; whose it is, preparation adds."""
        return tuple(Remark(kind, source, None, text) for kind, text in self.sayings)


def decode_image(stream: IO[bytes], place: object) -> Decoded:
    """Decode an image file as viewers show it, without loss of bits.

    Turned as its EXIF orientation says; palettes become the colours that they stand for, or grey; transparent parts
    become black; 0 as white is inverted. Colour profiles are ignored.

    Args:
        stream: The file's bytes.
        place: The file, for the error message.

    Raises:
        ImageError: The bytes are not an image, are truncated, hold several pages, values that are not finite, or
            nothing but one value; they are of a kind that cannot be read rightly; or there are too many pixels.
    """
    data = stream.read()
    with warnings.catch_warnings():
        # Pillow warns above a number of pixels that film mammograms reach, and refuses twice as many.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            decoded = _decode(data, place)
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
            step = "cut out or reduce the part that matters: networks see images of a few hundred pixels"
            raise ImageError(place, f"has more than {limit} million pixels", step) from error
        except _DAMAGED as error:
            raise ImageError(place, f"cannot be read: {error}", _NEXT_STEP) from error
    array = decoded.array
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(place, "holds NaN or infinite pixels", _NEXT_STEP)
    if low == high:
        raise ImageError(place, f"is constant: every pixel is {low:g}", _NEXT_STEP)
    return decoded


def _decode(data: bytes, place: object) -> Decoded:
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        unknown = read_unknown_tiff(data, place)
        if unknown is None:
            raise ImageError(place, *what_it_is(data)) from error
        return Decoded(unknown)
    with image:
        sayings: list[tuple[Any, str]] = [("not read", text) for text in choose_page(image, place)]
        if is_deep_colour(image, data):
            array: npt.NDArray[Any] = read_deep_colour(image, data, place)
            orientation = _orientation(image)
        elif has_split_colours(image):
            raise ImageError(place, "is a TIFF with colours (YCbCr) at half resolution, uncompressed", RESAVE)
        else:
            coding = image.tile[0].args if image.tile else None
            image.load()  # turns a TIFF
            orientation = 1 if image.format == "TIFF" else _orientation(image)
            array, said = _values(image, data, coding, place)
            sayings += [("intensity", text) for text in said]
        if array.ndim == 3 and array.shape[2] in (2, 4):
            array, said = without_opacity(array, place)
            sayings += [("intensity", text) for text in said]
        return Decoded(turn(array, orientation), tuple(sayings))


def _values(image: Image.Image, data: bytes, coding: Any, place: object) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the values of a loaded picture, with opacity as the last channel where it has one."""
    if image.mode.startswith("I") or image.mode == "F":
        array = grey_values(image, data, coding)
        clear = image.info.get("transparency")
        return (np.where(array == clear, 0, array).astype(array.dtype) if isinstance(clear, int) else array), []
    if image.mode not in MODES:
        raise ImageError(place, f"has pixels of a kind that is not read ({image.mode})", RESAVE)
    if image.mode == "L" and "transparency" not in image.info:
        return grey_values(image, data, coding), []
    return MODES[image.mode](image)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, upright, when it cannot be read, as viewers take it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(image.getexif().get(0x0112, 1))
        except _DAMAGED:
            return 1


def read_picture(path: Path, source: str, item_id: str) -> Image2D:
    """Read one picture.

    Raises:
        ImageError: It cannot be used.
        OSError: The file cannot be opened.
    """
    if path.suffix.lower() in DICOM:
        return read_dicom_picture(path, source, item_id)
    data = path.read_bytes()
    decoded = decode_image(io.BytesIO(data), source)
    return Image2D(decoded.array, item_id, source, decoded.remarks(source))


def fit(
    picture: npt.NDArray[np.uint8] | npt.NDArray[np.float32],
    size: tuple[int, int],
    spacing: tuple[float, float] = (1.0, 1.0),
    how: Filter = "bilinear",
    crop: float | None = None,
) -> np.ndarray:
    """Resize a picture to fit ``size`` in its true aspect ratio, whole and centred on black, or its centre.

    The filter widens with the reduction (no aliasing). Bilinear is a triangle, which never overshoots; bicubic is
    Keys's (1981) with a = -0.5, whose overshoots are clipped to the range that the type has. Pillow computes both in a
    fixed order, so that the result does not depend on the number of threads.

    Args:
        picture: uint8 [R, C], uint8 [R, C, 3], or float32 [R, C] in [0, 1].
        size: Rows and columns of the result.
        spacing: Height and width of a pixel, in any unit.
        how: The filter.
        crop: Share of the shorter side that is shown, as timm cuts images; all of both sides when None.

    Returns:
        Array of the same type, [H, W] or [H, W, 3].
    """
    height, width = picture.shape[0] * spacing[0], picture.shape[1] * spacing[1]
    if crop is None:
        scale = min(size[0] / height, size[1] / width)
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    else:
        scale = math.floor(max(size) / crop) / min(height, width)
        rows, columns = max(size[0], int(height * scale)), max(size[1], int(width * scale))
    resized = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((columns, rows), _RESAMPLING[how]))
    if how == "bicubic" and resized.dtype == np.float32:
        resized = resized.clip(0.0, 1.0)
    if crop is not None:
        top, left = round((rows - size[0]) / 2), round((columns - size[1]) / 2)
        return resized[top : top + size[0], left : left + size[1]]
    result = np.zeros((*size, *picture.shape[2:]), dtype=picture.dtype)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    result[top : top + rows, left : left + columns] = resized
    return result


def three_channels(channels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Turn values in [0, 1] into an 8-bit RGB picture.

    One channel is repeated; for two the third is their mean; of more than three the first three are taken.

    Args:
        channels: float32 [M, H, W].

    Returns:
        uint8 [H, W, 3].
    """
    if len(channels) == 1:
        chosen = np.repeat(channels, 3, axis=0)
    elif len(channels) == 2:
        chosen = np.concatenate([channels, channels.mean(axis=0, keepdims=True)])
    else:
        chosen = channels[:3]
    return np.rint(np.moveaxis(chosen, 0, -1) * 255.0).clip(0, 255).astype(np.uint8)
