"""Pictures: decoding files, fitting into a square with antialiasing, three 8-bit channels."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from sixgig.cohorts.base import Image2D
from sixgig.cohorts.dicom.files import SUFFIXES as DICOM
from sixgig.cohorts.dicom.picture import read_dicom_picture
from sixgig.errors import ImageError

#: Suffixes of files that :func:`read_picture` reads.
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", *DICOM)
_NEXT_STEP = "restore the file from its original archive"


def decode_image(stream: IO[bytes], place: object) -> npt.NDArray[np.uint8]:
    """Decode an image file to grey or RGB.

    16-bit grey is scaled to 8 bits by its type's range, transparency is dropped, palettes become RGB.

    Args:
        stream: The file's bytes, any format that Pillow reads.
        place: The file, for the error message.

    Returns:
        uint8 [H, W] or [H, W, 3].

    Raises:
        ImageError: The bytes are not an image, are truncated, or every pixel is the same.
    """
    try:
        with Image.open(stream) as image:
            image.load()
            if image.mode.startswith("I"):
                array = (np.asarray(image, dtype=np.float64) / 257.0).round().clip(0, 255).astype(np.uint8)
            elif image.mode in ("1", "L", "LA"):
                array = np.asarray(image.convert("L"))
            else:
                array = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise ImageError(place, "is not an image", _NEXT_STEP) from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(place, f"cannot be read: {error}", _NEXT_STEP) from error
    if array.min() == array.max():
        raise ImageError(place, f"is constant: every pixel is {int(array.flat[0])}", _NEXT_STEP)
    return array


def read_picture(path: Path, source: str, item_id: str) -> Image2D:
    """Read one picture; of a file with several pages, its first.

    Raises:
        ImageError: The file cannot be read, or is no picture.
    """
    if path.suffix.lower() in DICOM:
        return read_dicom_picture(path, source, item_id)
    try:
        with path.open("rb") as stream:
            return Image2D(decode_image(stream, source), item_id, source)
    except OSError as error:
        raise ImageError(source, f"cannot be read: {error.strerror}", "restore the file") from error


def fit(
    picture: npt.NDArray[np.uint8] | npt.NDArray[np.float32],
    size: tuple[int, int],
    spacing: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Resize a picture to fit ``size``, centred on black, with the true aspect ratio.

    The filter is a triangle that widens with the reduction (no aliasing) and never overshoots. Pillow computes it in a
    fixed order, so that the result does not depend on the number of threads.

    Args:
        picture: uint8 [R, C], uint8 [R, C, 3] or float32 [R, C].
        size: Rows and columns of the result.
        spacing: Height and width of a pixel, in any unit.

    Returns:
        Array of the same type, [H, W] or [H, W, 3].
    """
    height, width = picture.shape[0] * spacing[0], picture.shape[1] * spacing[1]
    scale = min(size[0] / height, size[1] / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    resized = Image.fromarray(np.ascontiguousarray(picture)).resize((columns, rows), Image.Resampling.BILINEAR)
    result = np.zeros((*size, *picture.shape[2:]), dtype=picture.dtype)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    result[top : top + rows, left : left + columns] = np.asarray(resized)
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
