"""One image in two dimensions: a radiograph, a frame of ultrasound, a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sixgig.cohorts.base import Image2D, Remark
from sixgig.cohorts.dicom.files import read_dataset
from sixgig.cohorts.dicom.headers import INTENSITIES, TAGS, header_of
from sixgig.cohorts.dicom.intensities import fill_padding, read_grey
from sixgig.cohorts.dicom.kinds import no_image, said_of
from sixgig.cohorts.dicom.pixels import stored_pixels
from sixgig.cohorts.dicom.values import text, whole
from sixgig.errors import ImageError

_EIGHT = 8
_NOTHING: tuple[str, ...] = ()
_GREYS = ("MONOCHROME1", "MONOCHROME2", "")


def read_dicom_picture(path: Path, source: str, item_id: str, subject_id: str | None = None) -> Image2D:
    """Read a DICOM file that holds one image.

    Args:
        path: The file.
        source: The same, relative to the cohort's folder.
        item_id: Unique name of the image.
        subject_id: Whose it is, for remarks.

    Returns:
        Grey: [H, W], rescaled, padding taken for the least intensity, dark is low; float32, or uint8 where 8 bits are
        stored. ``window`` is what the file shows as black and white. Colour: uint8 [H, W, 3], RGB.

    Raises:
        ImageError: The file cannot be read, holds no image or several, or every pixel is the same.
    """
    try:
        dataset = read_dataset(path, pixels=True)
    except ImageError as error:
        raise ImageError(source, error.reason, error.next_step) from error
    except OSError as error:
        raise ImageError(source, f"cannot be read: {error.strerror}", "restore the file") from error
    header = header_of(dataset, source, [*TAGS, *INTENSITIES])
    what = no_image(header.values)
    if what is not None:
        raise ImageError(source, said_of(what), "leave it out")
    if header.problem is not None or len(header.planes) > 1:
        reason = header.problem or f"holds {len(header.planes)} frames, and an image is one"
        raise ImageError(source, reason, "store one frame as a file of its own")
    (plane,) = header.planes
    if text(plane.values, "PhotometricInterpretation").upper() not in _GREYS:
        array = _eight_bits(stored_pixels(dataset, source, plane.frame))
        if array.ndim == 2:
            raise ImageError(source, "says that it is in colour, and has one value a pixel", "restore the file")
        window, remarks = None, _NOTHING
    else:
        grey = read_grey(dataset, plane)
        array, window, remarks = grey.pixels, grey.window, grey.remarks
        if grey.padding is not None:
            fill_padding(array, grey.padding, source)
        if not np.isfinite(array).all():
            raise ImageError(source, "holds NaN or infinite pixels", "restore the file")
        if (whole(plane.values, "BitsStored") or 16) <= _EIGHT:
            small = array.clip(0, 255).astype(np.uint8)
            array = small if np.array_equal(small, array) else array
    if array.min() == array.max():
        raise ImageError(source, f"is constant: every pixel is {float(array.flat[0]):g}", "restore the file")
    doubts = tuple(Remark("intensity", source, subject_id, said) for said in remarks)
    return Image2D(array, item_id, source, doubts, window)


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Turn colours of 16 or 32 bits into colours of 8; their type's whole range is used by definition."""
    surplus = 8 * (pixels.dtype.itemsize - 1)
    return np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("=")) >> surplus, dtype=np.uint8)
