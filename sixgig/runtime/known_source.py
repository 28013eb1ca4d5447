"""What source files import and what they compute, kept in a cache of the user so that no start parses them again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sixgig.runtime.atomic import write_text

#: Most files that the cache keeps: those of several versions.
_MOST = 3000


class KnownSource:
    """Facts about files, by what the files hold.

    Args:
        store: The JSON file that keeps them. One that cannot be read or written costs time and nothing else.
        find: Returns the facts about a file's content, JSON-like.
        finder: The module that holds ``find``: another version of it may find other facts.
    """

    def __init__(self, store: Path, find: Callable[[bytes], Any], finder: Path) -> None:
        self._store, self._find = store, find
        self._salt = sys.version.encode() + finder.read_bytes()
        self._known = self._read()
        self._new: dict[str, Any] = {}

    def facts(self, path: Path) -> Any:
        """Return the facts about a file.

        Raises:
            OSError: It cannot be read.
        """
        content = path.read_bytes()
        key = hashlib.sha256(self._salt + content).hexdigest()
        if key not in self._known:
            self._known[key] = self._new[key] = self._find(content)
        return self._known[key]

    def save(self) -> None:
        """Keep what was found, beside what other processes have found meanwhile."""
        if not self._new:
            return
        known = self._read() | self._new
        self._new = {}
        with suppress(OSError):
            write_text(self._store, json.dumps(dict(list(known.items())[-_MOST:]), separators=(",", ":")) + "\n")

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            known = json.loads(self._store.read_bytes())
            return known if isinstance(known, dict) else {}
        return {}
