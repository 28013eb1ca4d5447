"""Sentences that jobs wrote into a study's files, in English and with values inside, in the language in use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from string import Formatter

import yaml

from sixgig.words.language import current, tr

_FOLDER = Path(__file__).parent / "languages" / "said"


def said(text: str) -> str:
    """Return what a job said in the language in use, with its values as they are.

    Several sentences may stand together with semicolons, and each may begin with the place that it is about. One
    without a translation stays in English: reasons come from other libraries, too.

    Args:
        text: A reason, a note or a remark.
    """
    if current() == "en" or not text:
        return text
    parts = text.split("; ")
    found = [_one(part) for part in parts]
    if None in found:  # a sentence may hold a semicolon, too
        return _one(text) or "; ".join(own or part for own, part in zip(found, parts, strict=True))
    return "; ".join(filter(None, found))


def _one(text: str) -> str | None:
    """Translate a sentence, or what follows its place; None when that has no translation."""
    parts = text.split(": ")
    for number in range(len(parts)):
        found = _whole(": ".join(parts[number:]))
        if found:
            return ": ".join([*parts[:number], found])
    return None


def _whole(text: str) -> str | None:
    for pattern, translated in patterns(current()):
        match = pattern.fullmatch(text.strip().removesuffix("."))
        if match:
            return translated.format(**match.groupdict())
    known = tr(text)
    return None if known == text else known


@cache
def patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what a sentence looks like, with a group for every value, and its translation."""
    pairs = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return [(_pattern(pair["en"]), pair[language]) for pair in pairs]


def _pattern(text: str) -> re.Pattern[str]:
    parts = [
        re.escape(literal) + (f"(?P<{name}>.+?)" if name is not None else "")
        for literal, name, _, _ in Formatter().parse(text)
    ]
    return re.compile("".join(parts), re.DOTALL)
