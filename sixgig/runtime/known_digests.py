"""sha256 of files, kept with size and time so that a file that did not change is not read twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sixgig.runtime.atomic import write_text
from sixgig.runtime.digests import file_sha256, settings_digest
from sixgig.runtime.file_states import files_below

#: Beside the studies, so that a copy of a study says nothing about other folders.
KNOWN_DIGESTS = Path("results") / ".sha256.json"


class KnownDigests:
    """The sha256 of files that were read before.

    Files below the working directory are known by their relative path, so that a study can be moved. What is no longer
    there is forgotten. A store that cannot be read or written costs time and nothing else.

    Args:
        store: The JSON file that keeps them.
    """

    def __init__(self, store: Path = KNOWN_DIGESTS) -> None:
        self._store = store
        self._known: dict[str, list[int | str]] = {}
        self._changed = False
        with suppress(OSError, ValueError):
            known = json.loads(store.read_text(encoding="utf-8"))
            self._known = known if isinstance(known, dict) else {}

    def sha256(self, path: str | os.PathLike[str]) -> str:
        """Return the sha256 of a file, 64 hexadecimal digits.

        Raises:
            OSError: It cannot be read.
        """
        status = os.stat(path)
        name, here = os.path.abspath(path), f"{os.getcwd()}{os.sep}"
        entry = self._known.get(name.removeprefix(here))
        if isinstance(entry, list) and entry[:2] == [status.st_size, status.st_mtime_ns] and len(entry) == 3:
            return str(entry[2])
        digest = file_sha256(path)
        self._known[name.removeprefix(here)] = [status.st_size, status.st_mtime_ns, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Write down what was read, unless nothing has been run here yet."""
        if not self._changed or not self._store.parent.is_dir():
            return
        known = {name: entry for name, entry in self._known.items() if os.path.exists(name)}
        with suppress(OSError):
            write_text(self._store, json.dumps(known, separators=(",", ":")) + "\n")
        self._changed = False


def content_digest(root: Path, store: Path = KNOWN_DIGESTS) -> str:
    """Return 16 hexadecimal digits of the paths and the content of all files below a folder, whatever their times.

    Raises:
        OSError: A file cannot be read.
    """
    known = KnownDigests(store)
    contents: Mapping[str, str] = {
        os.path.relpath(file, root): known.sha256(file) for file in sorted(files_below(root), key=os.fspath)
    }
    known.save()
    return settings_digest(contents)
