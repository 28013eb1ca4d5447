"""Pictures with more than 8 bits a channel, where Pillow alone would drop bits or give up.

Pillow reads grey pictures of 16 and 32 bits. Of 16-bit colour it keeps the upper 8 bits, and some TIFFs it does not
know; SimpleITK reads most of these.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, TiffImagePlugin

from sixgig.errors import ImageError

RESAVE = "save it as a grey or RGB picture, PNG or TIFF, of 8 or 16 bits a channel"
_BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 258, 259, 262, 274
_SAMPLES, _PLANAR, _FORMAT, _SUBSAMPLING = 277, 284, 339, 530
_YCBCR = 6
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KINDS = {_UNSIGNED: "unsigned integers", _SIGNED: "signed integers", _FLOAT: "floating-point numbers"}
#: Of a JPEG 2000 codestream: how it begins, and where the precision of its first channel stands.
_CODESTREAM, _PRECISION_AT = b"\xff\x4f\xff\x51", 42


def is_deep_colour(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether a file has colours of more than 8 bits, of which Pillow would keep 8; call before it is loaded."""
    if image.mode.startswith("I") or image.mode == "F":
        return False
    if image.format == "TIFF":
        return max(_numbers(image, _BITS, (1,))) > 8
    arguments: Any = image.tile[0].args if image.tile else ""
    if image.format == "PNG":
        return ";16" in str(arguments)
    if image.format == "PPM":
        return isinstance(arguments, tuple) and isinstance(arguments[-1], int) and arguments[-1] > 255
    return image.format == "JPEG2000" and _precision(data) > 8


def read_deep_colour(image: ImageFile.ImageFile, data: bytes, place: object) -> npt.NDArray[np.uint16]:
    """Read 16-bit colours.

    Returns:
        uint16 [H, W, 3] or, with opacity, [H, W, 4].

    Raises:
        ImageError: They cannot be read whole.
    """
    # Of TIFFs in planes of one colour, or stored turned, SimpleITK keeps 8 bits.
    plain = (image.format == "PNG" and not str(image.tile[0].args).startswith("LA")) or (
        image.format == "TIFF" and image.tag_v2.get(_PLANAR, 1) == 1 and image.tag_v2.get(_ORIENTATION, 1) == 1  # type: ignore[attr-defined]
    )
    if plain and image.mode in ("RGB", "RGBA"):
        array = _by_simpleitk(data)
        if array is None:
            raise ImageError(place, f"cannot be read: its 16-bit {image.format} data are damaged", RESAVE)
        if array.dtype == np.uint16 and array.ndim == 3 and array.shape[2] in (3, 4):
            return array
    reason = f"has colours of more than 8 bits ({image.format}, {image.mode}), of which 8 would be lost"
    raise ImageError(place, reason, RESAVE)


def read_unknown_tiff(data: bytes, place: object) -> npt.NDArray[Any] | None:
    """Read a grey TIFF that Pillow does not know; None when the data are no TIFF.

    Raises:
        ImageError: It is a TIFF of another kind; the reason names it.
    """
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        samples, bits, kind = int(tags.get(_SAMPLES, 1)), max(tags.get(_BITS, (1,))), max(tags.get(_FORMAT, (1,)))
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, EOFError):
        return None
    wanted = {(16, _UNSIGNED): np.uint16, (32, _UNSIGNED): np.uint32, (32, _SIGNED): np.int32}.get((bits, kind))
    if wanted is not None and samples == 1 and tags.get(_PHOTOMETRIC) in (0, 1) and tags.get(_ORIENTATION, 1) == 1:
        array = _by_simpleitk(data)
        if array is not None and array.dtype == wanted and array.ndim == 2:
            return ~array if tags[_PHOTOMETRIC] == 0 else array
    what = f"{samples} channel{'s' if samples > 1 else ''} of {bits}-bit {_KINDS.get(kind, 'numbers of unknown kind')}"
    colours = f"colour code {tags.get(_PHOTOMETRIC, 'missing')}, compression {tags.get(_COMPRESSION, 1)}"
    raise ImageError(place, f"is a TIFF of {what} ({colours}), which cannot be read", RESAVE)


def grey_values(image: Image.Image, data: bytes, coding: Any) -> npt.NDArray[Any]:
    """Return the values of a loaded grey picture as the file means them.

    Args:
        image: A loaded picture of one channel of numbers.
        data: The file's bytes.
        coding: How Pillow was told to decode them, before it was loaded.

    Returns:
        [H, W], a type that holds the file's values.
    """
    array = np.asarray(image)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if image.format == "TIFF":
        bits, kind = max(_numbers(image, _BITS, (1,))), max(_numbers(image, _FORMAT, (1,)))
        types: dict[tuple[int, int], Any] = {(8, _SIGNED): np.int8, (32, _UNSIGNED): np.uint32}
        if (bits, kind) in types:  # the same bits, which Pillow takes for the other kind
            array = array.view(types[bits, kind])
        elif (bits, kind) == (16, _SIGNED):
            array = array.astype(np.int16)
        if image.tag_v2.get(_PHOTOMETRIC) == 0 and array.dtype != np.uint8:  # type: ignore[attr-defined]
            array = -array if array.dtype.kind == "f" else ~array  # 0 is white; Pillow inverts 8 bits alone
    elif image.format == "PPM" and image.mode == "I":
        array = array.astype(np.uint16)
        if isinstance(coding, tuple):  # Pillow stretches a greatest value that is not 65535
            array = np.rint(array * (coding[-1] / 65535.0)).astype(np.uint16)
    elif image.format == "JPEG2000" and image.mode.startswith("I") and _precision(data) < 16:
        array = array >> (16 - _precision(data))  # Pillow stretches to 16 bits
    return array


def has_split_colours(image: Image.Image) -> bool:
    """Whether a TIFF keeps one colour for several pixels without compression, which Pillow reads wrongly."""
    if image.format != "TIFF" or image.tag_v2.get(_PHOTOMETRIC) != _YCBCR:  # type: ignore[attr-defined]
        return False
    plain = image.tag_v2.get(_COMPRESSION, 1) == 1  # type: ignore[attr-defined]
    return plain and tuple(_numbers(image, _SUBSAMPLING, (2, 2))) != (1, 1)


def _numbers(image: Any, tag: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    found = image.tag_v2.get(tag, otherwise)
    return tuple(int(number) for number in (found if isinstance(found, tuple) else (found,)))


def _precision(data: bytes) -> int:
    start = data.find(_CODESTREAM)
    return (data[start + _PRECISION_AT] & 0x7F) + 1 if 0 <= start < len(data) - _PRECISION_AT else 8


def _by_simpleitk(data: bytes) -> npt.NDArray[Any] | None:
    """Return [H, W] or [H, W, C]; None when SimpleITK cannot read it. It reads files alone."""
    import SimpleITK

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("picture.png" if data[:4] == b"\x89PNG" else "picture.tif")
        path.write_bytes(data)
        try:
            image = SimpleITK.ReadImage(str(path))
        except RuntimeError:
            return None
    return np.asarray(SimpleITK.GetArrayFromImage(image)) if image.GetDimension() == 2 else None
