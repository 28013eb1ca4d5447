"""Which files of a study go into an archive."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

#: What goes in only when it is asked for, with what it is.
EXTRAS = {
    "images": "prepared images and volumes, and what shows them in report and figures",
    "features": "features of subjects and images",
    "weights": "weights of networks",
}
#: Folders of the study that never go in: raw files, other programs' stores, unfinished work.
_NEVER = frozenset({"raw", "mlartifacts"})
#: What names patients and where their files lie on this machine, and what only this machine can use.
_NEVER_FILES = frozenset({"inventory.json", "outputs.sha256", "mlflow.json"})
_NEVER_ENDINGS = (".python", ".db", ".db-wal", ".db-shm", ".db-journal", ".lock")
_LOGS = frozenset({"logs", "benchmarks"})


def chosen_files(folder: Path, extras: Collection[str], logs: bool) -> Iterator[str]:
    """Yield the files that go into an archive, by path from the study's folder, sorted.

    Pseudonym tables are not among them: they lie outside the study's folder. Links are not followed.

    Args:
        folder: The study's folder.
        extras: Names in :data:`EXTRAS`.
        logs: Whether logs and benchmarks go in.
    """
    found = []
    for place, folders, files in os.walk(folder):
        below = Path(place).relative_to(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and not (below == Path() and name in _NEVER)]
        for name in files:
            path = below / name
            if not (Path(place) / name).is_symlink() and _goes_in(path, extras, logs):
                found.append(path.as_posix())
    yield from sorted(found)


def _goes_in(path: Path, extras: Collection[str], logs: bool) -> bool:
    if path.name.startswith(".") or path.name in _NEVER_FILES or path.name.endswith(_NEVER_ENDINGS):
        return False
    if path.parts[0] in _LOGS:
        return logs
    if path.parts[0] == "features" and path.suffix != ".json":
        return "features" in extras
    if path.suffix == ".safetensors":
        return "weights" in extras
    if path.parts[0] == "cohorts" and path.suffix == ".npy":
        return "images" in extras
    if path.parts[0] == "pretraining":
        if path.suffix == ".npz":  # pictures of subjects
            return "images" in extras
        return not path.name.endswith(".seen.csv") or "images" in extras  # hashes of images tell which these are
    return True
