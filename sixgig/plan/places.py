"""Whether a study can be written where it goes: rights, files in place of folders, read-only and full disks.

Snakemake itself writes below ``.snakemake``, also for a dry run, and answers what it may not do with a traceback. So
all of this is asked while planning.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from sixgig.errors import PlaceError
from sixgig.runtime.rights import is_mine, is_read_only, may, may_read, whose

#: Folders of a study that hold the user's images, and may be large: what is in them is looked at where it is read.
_IMAGES = ("raw",)
#: Folders whose files are written anew in place; other files are replaced, for which the folder's rights count.
_IN_PLACE = ("logs", "benchmarks", ".running")
_DEEPEST = 5
#: Less free space than this is a full disk: the first job's log would not fit.
LEAST_FREE_MB = 20
_MIB = 2**20


def check_places(study: str, targets: Iterable[str]) -> None:
    """Raise the first of :func:`place_problems`.

    Raises:
        PlaceError: The study cannot be written.
    """
    for problem in place_problems(study, targets):
        raise problem


def place_problems(study: str, targets: Iterable[str]) -> Iterator[PlaceError]:
    """Yield what keeps a study from being written below the working directory.

    Args:
        study: Name of the study.
        targets: The files that it ends with.
    """
    here, results = Path(), Path("results")
    root = results / study
    wrong = list(_misplaced([root / "logs" / "log", *map(Path, targets)]))
    yield from wrong
    if wrong:
        return
    if not Path(".snakemake").is_dir() or not results.is_dir():
        yield from _not_writable(here, study, "results/ and Snakemake's notes (.snakemake) go here")
    for folder in _folders(Path(".snakemake"), 1):
        yield from _not_writable(folder, study, "Snakemake keeps its notes here, also of a dry run")
    if results.is_dir() and not root.is_dir():
        yield from _not_writable(results, study, f"the folder of study {study} is made here")
    # Beside the studies: pseudonyms are written by their stage, and what is fetched is kept for the next study.
    kept = [folder for name in ("pseudonyms", "downloads") for folder in _folders(results / name, 0)]
    for folder in [*_folders(root, _DEEPEST), *kept]:
        yield from _not_writable(folder, study, "the study is written here")
    yield from _closed_files(root, study)
    yield from _full(next(folder for folder in (root, results, here) if folder.is_dir()))


def _misplaced(files: Iterable[Path]) -> Iterator[PlaceError]:
    """Yield files that stand where folders have to be, and folders where files have to be."""
    seen: set[Path] = set()
    for file in files:
        if file.is_dir():
            yield PlaceError(file, "is a folder, and a file of this name is to be written", "move the folder away")
        for folder in reversed(file.parents):
            if folder in seen:
                continue
            seen.add(folder)
            if os.path.lexists(folder) and not folder.is_dir():
                kind = "a file" if folder.exists() else "a link to nothing"
                step = "move it away, or run in another folder"
                yield PlaceError(folder, f"is {kind}, and results go into a folder of this name", step)
                return


def _folders(top: Path, depth: int) -> Iterator[Path]:
    """Yield a folder, if it is there, and those below it down to some depth; not what is below the user's images."""
    if not top.is_dir():
        return
    yield top
    if depth and top.name not in _IMAGES and may_read(top):
        for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _folders(Path(entry.path), depth - 1)


def _not_writable(folder: Path, study: str, why: str) -> Iterator[PlaceError]:
    if may(folder, os.R_OK | os.W_OK | os.X_OK):
        return
    shown = Path.cwd() if folder == Path() else folder
    if is_read_only(folder):
        step = "make it writable (mount -o remount,rw), or run in a folder on another disk"
        yield PlaceError(shown, f"lies on a read-only file system, and {why}", step)
        return
    yield PlaceError(shown, f"may not be written: it {whose(folder)}; {why}", _step(folder, study))


def _closed_files(root: Path, study: str) -> Iterator[PlaceError]:
    """Yield the first file of a study that may not be read, and the first that may not be written in place."""
    store = root / "mlflow.db"
    if store.exists() and not may(store, os.W_OK):
        yield PlaceError(store, f"may not be written: it {whose(store)}", _step(store, study))
    for folder in _folders(root, _DEEPEST):
        if folder.name in _IMAGES or not may_read(folder):
            continue
        in_place = any(part in _IN_PLACE for part in folder.parts)
        for entry in os.scandir(folder):
            if not entry.is_file() or may(entry.path, os.R_OK | (os.W_OK if in_place else 0)):
                continue
            done = "written" if in_place else "read"
            path = Path(entry.path)
            yield PlaceError(path, f"may not be {done}: it {whose(path)}", _step(path, study))
            return


def _step(path: Path, study: str) -> str:
    """Say how to come by the rights that are missing."""
    if is_mine(path):
        return f"chmod -R u+rwX {shlex.quote(str(path))}"
    return (
        "ask its owner for the right to write, or go on in a folder of your own: make one, copy results/"
        f"{study} into its results/, and run there. To look at what is finished, open results/{study}/report.html"
    )


def _full(folder: Path) -> Iterator[PlaceError]:
    status = os.statvfs(folder)
    free_mb = status.f_bavail * status.f_frsize / _MIB
    step = "remove files there, or run in a folder on another disk"
    if free_mb < LEAST_FREE_MB:
        yield PlaceError(folder.absolute(), f"lies on a full disk: {free_mb:.0f} MiB are free", step)
    elif status.f_files and not status.f_favail:
        yield PlaceError(folder.absolute(), "lies on a disk that can hold no more files (its inodes are used up)", step)
