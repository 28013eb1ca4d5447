"""Pictures that are masks of others by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_WORDS = r"masks?|seg|segmentations?|gt|ground[ _-]?truths?|annotations?|labels?"
_ENDING = re.compile(rf"(.+?)[ _-]+(?:{_WORDS})(?:[ _-]?\d+)?", re.IGNORECASE)
_FOLDER = re.compile(rf"(?:.*[ _-])?(?:{_WORDS})", re.IGNORECASE)

#: The end of a sentence about such a file.
REMARK = "a mask by its name: a picture beside it has that name without it; `include` reads what it names"


def masks(files: Iterable[str]) -> set[str]:
    """Return which pictures are masks of others.

    ``x_mask.png`` and ``x_mask_1.png`` are where ``x.png`` lies beside them, and ``masks/x.png`` where another folder
    beside ``masks`` holds ``x.png``.

    Args:
        files: Paths of pictures, with slashes.
    """
    places = {(str(path.parent), path.stem) for path in map(PurePosixPath, files)}
    above = {(str(PurePosixPath(folder).parent), stem) for folder, stem in places if not _is_folder_of_masks(folder)}
    found = set()
    for file in files:
        path = PurePosixPath(file)
        named = _ENDING.fullmatch(path.stem)
        if (named and (str(path.parent), named[1]) in places) or (
            _is_folder_of_masks(str(path.parent)) and _partner(path) in above
        ):
            found.add(file)
    return found


def _is_folder_of_masks(folder: str) -> bool:
    return _FOLDER.fullmatch(PurePosixPath(folder).name) is not None


def _partner(path: PurePosixPath) -> tuple[str, str]:
    named = _ENDING.fullmatch(path.stem)
    return str(path.parent.parent), named[1] if named else path.stem
