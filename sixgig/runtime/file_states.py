"""What files are there, by size and time, and by content where a file is small and written by people."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sixgig.runtime.digests import file_sha256

#: Endings of files that people edit: these are known by their content, so that saving one unchanged changes nothing.
EDITED = (".csv", ".tsv", ".json", ".txt", ".cfg", ".yaml", ".yml")
_EDITED_BYTES = 8 * 2**20
#: What file managers and drives leave behind; names that begin with a dot are left out, too.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "lost+found", "$recycle.bin", "system volume information"})


@dataclass(frozen=True)
class FileState:
    """One file as it lies on the disk.

    Attributes:
        size: Bytes; -1 when there is no such file.
        modified: Time of the last change in ns.
        content: sha256 of small files that people edit, else empty.
        readable: Whether this user may read it.
    """

    size: int
    modified: int
    content: str = ""
    readable: bool = True

    @property
    def text(self) -> str:
        """What decides whether the file is still the same."""
        return f"{self.size} {self.content or self.modified}{'' if self.readable else ' not readable'}"


def files_below(root: Path) -> Iterator[os.DirEntry[str] | Path]:
    """Yield the files below a folder, links followed, or the file itself; without hidden files and litter.

    Raises:
        OSError: The folder, or one below it, cannot be listed.
    """
    if not root.is_dir():
        yield root
        return
    seen: set[tuple[int, int]] = set()
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in _LITTER:
                    continue
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    yield entry


def look_at(file: os.DirEntry[str] | Path, known: FileState | None = None) -> FileState:
    """Return the state of a file; ``known`` is an earlier one, whose sha256 is used again when size and time agree."""
    try:
        status = file.stat()
    except OSError:  # gone since it was listed, or a link to nothing
        return FileState(-1, 0)
    path = file if isinstance(file, Path) else file.path
    readable = _readable(path, status)
    content = ""
    if readable and status.st_size <= _EDITED_BYTES and os.fspath(path).lower().endswith(EDITED):
        if known is not None and known.content and (known.size, known.modified) == (status.st_size, status.st_mtime_ns):
            content = known.content
        else:
            try:
                content = file_sha256(path)
            except OSError:
                readable = False
    return FileState(status.st_size, status.st_mtime_ns, content, readable)


def look_at_all(
    root: Path, files: Iterable[os.DirEntry[str] | Path], known: Mapping[str, FileState] | None = None
) -> dict[str, FileState]:
    """Return the states of files by path, sorted.

    Paths are relative to ``root``, or to its folder when it is a file; those elsewhere begin with ``./`` below the
    working directory, so that a study can be moved, and are absolute otherwise.
    """
    known = known or {}
    start = f"{os.path.abspath(root if root.is_dir() else root.parent)}{os.sep}"
    here = f"{os.getcwd()}{os.sep}"
    found: dict[str, FileState] = {}
    for file in files:
        path = os.path.abspath(file)
        name = path.removeprefix(start)
        if name == path and path.startswith(here):
            name = f"./{path.removeprefix(here)}"
        if name not in found:
            found[name] = look_at(file, known.get(name))
    return dict(sorted(found.items()))


def _readable(path: str | Path, status: os.stat_result) -> bool:
    # The bits answer for nearly all files; asking costs a round trip each on a network drive.
    if status.st_uid == os.geteuid():
        plain = bool(status.st_mode & stat.S_IRUSR)
    else:
        plain = bool(status.st_mode & stat.S_IROTH and status.st_mode & stat.S_IRGRP)
    return plain or os.access(path, os.R_OK)
