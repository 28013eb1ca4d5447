"""Values of DICOM tags as text: every tag may be absent, empty, multi-valued, or of the wrong kind."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

#: Keyword -> its values as stripped text; absent and empty tags are not in it.
Values = Mapping[str, tuple[str, ...]]
#: Longest value that is kept: what is longer is no value of a tag that anybody asks for.
_LONGEST = 1024
_BLANK = " \0\t\r\n"
#: Kinds of values that are ASCII text whatever the character set.
_ASCII = ("AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks on values that do not follow the standard out of the log: there is one a slice."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def values_of(dataset: Any, keywords: Iterable[str | int]) -> dict[str, tuple[str, ...]]:
    """Read tags of a pydicom dataset; what pydicom cannot make sense of counts as absent.

    Args:
        dataset: A pydicom Dataset.
        keywords: Keywords, or tag numbers for tags without one (named ``gggg,eeee`` in the result).
    """
    found = {}
    there = dataset.keys()
    with quiet():
        for keyword in keywords:
            tag = _number(keyword)
            if tag not in there:
                continue
            try:
                texts = _plain(dataset, tag) or _texts(dataset[tag].value)
            except Exception:  # what pydicom's converters stumble over cannot be used
                continue
            if texts:
                found[name_of(keyword)] = texts
    return found


def _plain(dataset: Any, tag: Any) -> tuple[str, ...]:
    """Return values that are stored as ASCII text; nothing where pydicom has to turn them into text.

    Files have many of these, and pydicom takes ten times as long for them.
    """
    raw = dataset.get_item(tag)
    if not isinstance(getattr(raw, "value", None), bytes) or raw.VR not in _ASCII or not raw.value.isascii():
        return ()
    texts = tuple(text.strip(_BLANK) for text in raw.value.decode("ascii").split("\\"))
    return texts if any(texts) and len(raw.value) <= _LONGEST else ()


@cache
def _number(tag: str | int) -> Any:
    """Return pydicom's name of a tag; -1, which no file has, where the keyword is none."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.tag import Tag

    number = tag_for_keyword(tag) if isinstance(tag, str) else tag
    return -1 if number is None else Tag(number)


def tag_numbers(tags: Iterable[str | int]) -> list[Any]:
    """Return tags as pydicom knows them."""
    return [_number(tag) for tag in tags]


def name_of(tag: str | int) -> str:
    """Return a tag as it is named in :data:`Values`: its keyword, or ``gggg,eeee``."""
    return tag if isinstance(tag, str) else f"{tag >> 16:04x},{tag & 0xFFFF:04x}"


def _texts(value: Any) -> tuple[str, ...]:
    from pydicom.multival import MultiValue
    from pydicom.sequence import Sequence

    if value is None or isinstance(value, bytes | Sequence):
        return ()
    texts = tuple(str(one).strip(_BLANK) for one in (value if isinstance(value, MultiValue | list) else [value]))
    return texts if any(texts) and sum(map(len, texts)) <= _LONGEST else ()


def text(values: Values, keyword: str) -> str:
    """Return a tag's first value; empty when absent."""
    return values.get(keyword, ("",))[0]


def number(values: Values, keyword: str) -> float | None:
    """Return a tag's first value as a finite number; None when absent or no such number."""
    return _finite(text(values, keyword))


def whole(values: Values, keyword: str) -> int | None:
    """Return a tag's first value as a whole number; None when absent or no such number."""
    found = number(values, keyword)
    return int(found) if found is not None and found == int(found) else None


def numbers(values: Values, keyword: str, length: int) -> tuple[float, ...] | None:
    """Return a tag's values as finite numbers; None unless there are exactly so many."""
    found = [_finite(one) for one in values.get(keyword, ())]
    return tuple(one for one in found if one is not None) if len(found) == length and None not in found else None


def _finite(value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
