"""Which files of a folder belong to a cohort: ``include`` and ``exclude`` of its stanza."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sixgig.errors import ConfigError

#: Keys of a cohort's stanza that choose files.
KEYS = ("include", "exclude")


class FilePatterns:
    """Names of files with ``*`` (anything, also slashes), ``?`` (one character) and ``[abc]`` (one of them).

    A pattern with a slash is compared with the whole path below the cohort's folder; one without with the file's name
    and the name of every folder above it. Case does not matter.

    Args:
        options: The adapter's options; ``include`` and ``exclude`` are lists of patterns.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.include: Sequence[str] = options.get("include") or ()
        self.exclude: Sequence[str] = options.get("exclude") or ()
        self._include = [(text, _compiled("include", text)) for text in self.include]
        self._exclude = [(text, _compiled("exclude", text)) for text in self.exclude]

    def why_not(self, file: str) -> str | None:
        """Return why a file is left out, None when it is not; ``file`` is its path below the cohort's folder."""
        for text, pattern in self._exclude:
            if pattern.search(file):
                return f"left out by `exclude`: {text}"
        if self._include and not any(pattern.search(file) for _, pattern in self._include):
            return "not among the files that `include` names"
        return None

    def takes(self, file: str) -> bool:
        """Whether a file belongs to the cohort."""
        return self.why_not(file) is None

    def asks_for(self, file: str, other: str) -> bool:
        """Whether a pattern of ``include`` names a file and not another one, so that just this file is meant."""
        return any(pattern.search(file) and not pattern.search(other) for _, pattern in self._include)


def _compiled(key: str, text: str) -> re.Pattern[str]:
    text = text.removeprefix("./").rstrip("/")
    whole = "/" in text
    parts: list[str] = []
    place = 0
    while place < len(text):
        sign = text[place]
        place += 1
        end = text.find("]", place + 1) if sign == "[" else -1
        if sign == "*":
            parts.append(".*" if whole else "[^/]*")
        elif sign == "?":
            parts.append("[^/]")
        elif end > 0:
            inside = text[place:end].replace("\\", r"\\")
            parts.append(f"[^/{inside[1:]}]" if inside[0] == "!" else f"[{inside}]".replace("[^", r"[\^"))
            place = end + 1
        else:
            parts.append(re.escape(sign))
    try:
        return re.compile(rf"{'^' if whole else '(?:^|/)'}{''.join(parts)}(?=/|$)", re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise ConfigError(key, f"{text!r} is no pattern of file names: {error}", "correct it") from None
