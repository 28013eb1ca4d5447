"""Where long jobs keep unfinished work, so that a killed run continues instead of starting again.

Snakemake deletes a job's declared outputs before it runs the job again, so checkpoints are kept elsewhere, in
``results/<study>/.checkpoints/``, in a folder named by a digest of everything that would change the result. One process
at a time has the checkpoints of a job: it locks their folder until it drops them or ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sixgig.runtime.digests import settings_digest

_LOG = logging.getLogger(__name__)
#: Descriptors of the folders that this process has locked.
_held: dict[Path, int] = {}


def checkpoint_folder(root: Path, job: str, key: Mapping[str, Any]) -> Path:
    """Return the folder of one job's checkpoint, and remove what the same job left for another key.

    Another process that has the job's checkpoints is waited for.

    Args:
        root: ``results/<study>/.checkpoints``.
        job: Name of the job, such as ``encode-elpv-vit_pure``.
        key: Everything that would change the result: input hashes, options, source digest.
    """
    folder = root / job / settings_digest(key)
    _hold(folder.parent)
    for stale in folder.parent.iterdir():
        if stale != folder:
            shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drop(folder: Path) -> None:
    """Remove a checkpoint after its job has written its outputs."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in folder.parents[:2]:
        try:
            parent.rmdir()
        except OSError:  # another job still keeps something there
            break
    descriptor = _held.pop(folder.parent.absolute(), None)
    if descriptor is not None:
        os.close(descriptor)


def _hold(folder: Path) -> None:
    """Lock a folder, made when missing, until it is dropped or this process ends."""
    path = folder.absolute()
    if path in _held:
        if _is(_held[path], path):
            return
        os.close(_held.pop(path))  # it was removed meanwhile
    while True:
        path.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # another process has just dropped it
            continue
        try:
            _wait(descriptor, folder)
            if _is(descriptor, path):
                _held[path] = descriptor
                return
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LOG.info("another process works with the checkpoints in %s: waiting for it", folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
