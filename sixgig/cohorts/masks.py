"""Pictures that are masks of others by their names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

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
    parts = [(file, *_split(file)) for file in files]
    places = {(folder, stem) for _, folder, stem in parts}
    above = {(posixpath.dirname(folder), stem) for folder, stem in places if not _is_folder_of_masks(folder)}
    found = set()
    for file, folder, stem in parts:
        named = _ENDING.fullmatch(stem)
        partner = posixpath.dirname(folder), named[1] if named else stem
        if (named and (folder, named[1]) in places) or (_is_folder_of_masks(folder) and partner in above):
            found.add(file)
    return found


def _split(file: str) -> tuple[str, str]:
    """Return the folder of a file, and its name without the suffix."""
    folder, name = posixpath.split(file)
    return folder, posixpath.splitext(name)[0]


@lru_cache(maxsize=1024)
def _is_folder_of_masks(folder: str) -> bool:
    return _FOLDER.fullmatch(posixpath.basename(folder)) is not None
