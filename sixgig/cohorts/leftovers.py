"""Files of a cohort's folder that nobody read: each with the reason, so that nothing vanishes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sixgig.cohorts.base import Adapter, Discovery, Remark
from sixgig.cohorts.fingerprints import files_of

_SYSTEM = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin", "system volume information"}
_ARCHIVE = (".zip", ".tar", ".tgz", ".rar", ".7z", ".tar.gz", ".tar.bz2", ".tar.xz", ".bz2", ".xz")
_ENDING = re.compile(r"(\.(nii|img|hdr))?\.[^.]+$")
_EMPTY = "an empty folder"
#: Files that are listed at most: a cohort's folder may lie among millions of others.
MOST = 100_000


def leftovers(adapter: Adapter, root: Path, found: Discovery) -> list[Remark]:
    """List the files below a cohort's folder that are neither read nor rejected, nor remarked on already.

    Of a cohort that is one file only the folders are looked at in which files of it lie.

    Args:
        adapter: Says which of its files are read on the way, and what others are.
        root: The cohort's folder or file.
        found: What the adapter found.

    Returns:
        A remark on each file, up to :data:`MOST`; hidden files, and files of an operating system, are summed up.
    """
    named = {rejection.file for rejection in found.rejections}
    named |= {remark.file for remark in found.remarks if remark.kind == "not read"}
    known = {str(path) for path in adapter.label_files(root)} | {str(root / file) for file in named}
    folders: dict[str, None] = {}
    for record in found.records:
        known.add(str(record.root))
        for item in record.items:
            for source in item.files.values():
                plain = str(record.root / source)
                known.add(plain)
                if "@" in source or plain.endswith((".hdr", ".img", ".hdr.gz", ".img.gz")):
                    known.update(map(str, files_of(record.root, source)))
                if record.root != root:
                    folders.setdefault(os.path.dirname(plain))
    if root.is_dir():
        return list(_remarks(root, _walk(str(root), set()), known, adapter.why_not_read))
    # A table's files may lie anywhere: what is beside them is looked at, and no folder below.
    base = found.records[0].root if found.records else root.parent
    if not base.is_dir():
        return []
    seen = (entry for folder in folders for entry in _walk(folder, None))
    return list(_remarks(base, seen, known | {str(root)}, adapter.why_not_read))


def _walk(folder: str, links: set[str] | None) -> Iterator[tuple[str, str]]:
    """Yield kind (``file``, ``hidden``, ``system``, ``empty``, ``closed``) and path of what lies in a folder, sorted.

    ``links`` holds the folders that links led to already; None for a folder without those below it.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield "closed", folder
        return
    if not entries and links is not None:
        yield "empty", folder
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            yield "hidden", entry.path
        elif name.lower() in _SYSTEM:
            yield "system", entry.path
        elif not entry.is_dir():
            yield "file", entry.path
        elif links is not None:
            if entry.is_symlink():
                there = os.path.realpath(entry.path)
                if there in links or folder.startswith(there):
                    continue
                links.add(there)
            yield from _walk(entry.path, links)


def _remarks(
    root: Path, seen: Iterable[tuple[str, str]], known: set[str], why: Callable[[str], str | None]
) -> Iterator[Remark]:
    counts = {"hidden": 0, "system": 0}
    n_listed = 0
    for kind, path in seen:
        if path in known:
            continue
        if kind in counts:
            counts[kind] += 1
            continue
        file = os.path.relpath(path, root).replace(os.sep, "/")
        if n_listed == MOST:
            yield Remark("not read", file, None, f"and all files after it: {MOST:,} are listed")
            break
        n_listed += 1
        if kind == "empty":
            yield Remark("not read", file, None, _EMPTY)
        elif kind == "closed":
            yield Remark("not read", file, None, "a folder that cannot be opened")
        else:
            yield Remark("not read", file, None, why(file) or _kind(file))
    for kind, number in counts.items():
        if number:
            what = "hidden files or folders" if kind == "hidden" else "files of an operating system"
            yield Remark("not read", ".*" if kind == "hidden" else "Thumbs.db", None, f"{number} {what}")


def _kind(file: str) -> str:
    """Say what a file is by its name."""
    lower = file.lower()
    if lower.endswith(_ARCHIVE):
        return "an archive: unpack it, if it belongs to the cohort"
    ending = _ENDING.search(lower.rsplit("/", 1)[-1])
    return f"a {ending[0]} file that this adapter does not read" if ending else "a file without an ending"
