"""Pictures that are masks of others by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_WORDS = r"masks?|seg|segmentations?|gt|ground[ _-]?truths?|annotations?|labels?"
_ENDING = re.compile(rf"(.+?)[ _-]+(?:{_WORDS})(?:[ _-]?\d+)?", re.IGNORECASE)
_FOLDER = re.compile(rf"(?:.*[ _-])?(?:{_WORDS})", re.IGNORECASE)

#: The end of a sentence about such a file.
REMARK = "a mask by its name: a picture beside it has that name without it; `include: ['*', '*mask*']` reads both"


def masks(files: Sequence[str]) -> dict[str, str]:
    """Return which pictures are masks, and of which others.

    ``x_mask.png`` and ``x_mask_1.png`` are where ``x.png`` lies beside them, and ``masks/x.png`` where another folder
    beside ``masks`` holds ``x.png``.

    Args:
        files: Paths of pictures, with slashes.

    Returns:
        Mask -> picture.
    """
    places: dict[tuple[str, str], str] = {}
    above: dict[tuple[str, str], str] = {}
    for file in files:
        path = PurePosixPath(file)
        places.setdefault((str(path.parent), path.stem), file)
        if not _FOLDER.fullmatch(path.parent.name):
            above.setdefault((str(path.parent.parent), path.stem), file)
    found = {}
    for file in files:
        path = PurePosixPath(file)
        named = _ENDING.fullmatch(path.stem)
        picture = places.get((str(path.parent), named[1])) if named else None
        if picture is None and _FOLDER.fullmatch(path.parent.name):
            picture = above.get((str(path.parent.parent), named[1] if named else path.stem))
        if picture is not None:
            found[file] = picture
    return found
