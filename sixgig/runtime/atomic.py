"""Files that appear whole or not at all: write beside, fsync, rename. It runs under Python 3.7 too."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sixgig.runtime.faults import FULL
from sixgig.runtime.umask import OTHERS_WRITE

_UMASK = os.umask(0o077)
os.umask(_UMASK)
#: Results are ordinary files, which others may read but never write.
_MODE = 0o666 & ~_UMASK & ~OTHERS_WRITE


@contextmanager
def atomic_path(path: str | os.PathLike[str], size: int = 0) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to ``path`` when the block succeeds.

    The temporary name keeps the suffixes of ``path``, because several writers choose their format by it. When the
    block raises, the temporary file is removed and ``path`` is left as it was.

    Args:
        path: The final file. Missing parent folders are made.
        size: Bytes that it will take, when they are known: a full disk then says how much is missing.

    Yields:
        The path to write to.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=f"-{final.name}", dir=final.parent)
    os.close(handle)
    os.chmod(name, _MODE)  # mkstemp makes private files
    partial = Path(name)
    try:
        yield partial
        synchronise(partial)
        os.replace(partial, final)
        synchronise(final.parent)
    except OSError as error:
        if error.errno in FULL:  # the partial file is removed: what is said is of the one that was meant
            error.filename, error.needed = str(final), size or partial.stat().st_size  # type: ignore[attr-defined]
        raise
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def reserve(path: Path, size: int) -> None:
    """Take the room of a file that will be written through a memory map, where a full disk would kill the process.

    Raises:
        OSError: There is not enough room.
    """
    with path.open("r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            error.filename, error.needed = str(path), size  # type: ignore[attr-defined]
            raise


def synchronise(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    content = text.encode("utf-8")
    with atomic_path(path, len(content)) as partial:
        partial.write_bytes(content)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON atomically, with sorted keys so that equal content gives equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file written by :func:`write_json`."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
