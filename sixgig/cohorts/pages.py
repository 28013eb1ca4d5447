"""Files that hold several pictures: the one that is meant, or a refusal."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image

from sixgig.errors import ImageError

_SPLIT = "save the pages as files of their own, or as a volume (NIfTI), and leave this file out"
_REDUCED, _MASK = 1, 4
_SUBFILE, _OLD_SUBFILE, _DESCRIPTION = 254, 255, 270
_OLD_REDUCED = 2
#: What ImageJ writes into the only directory of a large stack.
_IMAGEJ_STACK = re.compile(r"ImageJ=.*?^images=(\d+)", re.DOTALL | re.MULTILINE)


def choose_page(image: Image.Image, place: object) -> list[str]:
    """Turn a file with several pages to the one full picture.

    Smaller copies and transparency masks inside a TIFF are no pages of their own. Of a JPEG with further pictures (a
    preview, depth, stereo), the first is the photograph.

    Args:
        image: An open file, not loaded yet.
        place: The file, for the error message.

    Returns:
        What is to be known, as sentences without a subject.

    Raises:
        ImageError: The file holds a stack: several full pages or frames.
    """
    pages = int(getattr(image, "n_frames", 1))
    if image.format == "TIFF":
        return _choose_tiff_page(image, pages, place)
    if image.format == "MPO":
        image.seek(0)
        return [] if pages < 2 else ["holds further pictures (a preview, depth or stereo), which are not read"]
    if pages > 1:
        raise ImageError(place, f"holds {pages} frames and is no single picture", _SPLIT)
    return []


def _choose_tiff_page(image: Any, pages: int, place: object) -> list[str]:
    described = _IMAGEJ_STACK.match(str(image.tag_v2.get(_DESCRIPTION, "")))
    stacked = int(described[1]) if described else 1
    if pages == 1 and stacked == 1:
        return []
    full = []
    for page in range(pages):
        image.seek(page)
        reduced = int(image.tag_v2.get(_SUBFILE, 0)) & (_REDUCED | _MASK)
        if not reduced and int(image.tag_v2.get(_OLD_SUBFILE, 0)) != _OLD_REDUCED:
            full.append(page)
    if len(full) > 1 or stacked > 1:
        raise ImageError(place, f"holds {max(len(full), stacked)} pages and is no single picture", _SPLIT)
    image.seek(full[0] if full else 0)
    return []
