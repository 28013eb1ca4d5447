"""The list of a study's outputs with their sha256, in the format of the ``sha256sum`` program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sixgig.errors import TableError
from sixgig.runtime.atomic import write_text
from sixgig.runtime.known_digests import KnownDigests

#: In the study's folder; ``sha256sum -c outputs.sha256`` checks it, too.
OUTPUTS = "outputs.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def write_hashes(folder: Path, files: Iterable[Path], known: Path) -> None:
    """Write down the sha256 of files in ``outputs.sha256``, sorted by path.

    Args:
        folder: The study's folder.
        files: Files below it.
        known: Store of digests of files that were read before; see :class:`sixgig.runtime.known_digests.KnownDigests`.

    Raises:
        OSError: A file cannot be read.
    """
    digests = KnownDigests(known)
    found = {file.relative_to(folder).as_posix(): digests.sha256(file) for file in sorted(set(files))}
    digests.save()
    write_text(folder / OUTPUTS, "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items())))


def read_hashes(folder: Path) -> dict[str, str]:
    """Read ``outputs.sha256``.

    Returns:
        The recorded sha256 by path from the study's folder; empty when the study has no such list.

    Raises:
        TableError: A line is not as it was written.
    """
    path = folder / OUTPUTS
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found or Path(match[2]).is_absolute() or ".." in Path(match[2]).parts:
            raise TableError(path, f"line {number} is not a sha256 and a path", "delete it and run snakemake again")
        found[match[2]] = match[1]
    return found
