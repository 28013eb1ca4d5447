"""Jobs on other machines whose run is over: they leave, so that the next run does not work beside them.

A job on the machine of its run's main process knows when that process ends. On a node of a cluster it looks into the
owner's file instead, which all nodes share: once the run has given the study back, or another run has taken it, the job
is nobody's. While a run that was killed has no successor its jobs go on, because their work is of use to the next one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sixgig.runtime.processes import OWNER, OWNERS, Identity, of_token

#: How often a job looks, and how long it doubts what it sees: a shared file system may show an older file.
LOOK_SECONDS, DOUBT_SECONDS = 15.0, 5.0


def orphaned(study: str, root: Path = Path(), doubt_seconds: float = DOUBT_SECONDS) -> bool:
    """Return whether the run that this process belongs to is over; False outside of any run.

    Args:
        study: Name of the study.
        root: The working directory.
        doubt_seconds: After this, the file of an owner elsewhere is looked at a second time.
    """
    owner = of_token(os.environ.get(OWNER, ""))
    if owner is None:
        return False
    if owner.here:
        return not owner.lives
    if _owns(owner, study, root):
        return False
    time.sleep(doubt_seconds)
    return not _owns(owner, study, root)


def when_orphaned(study: str, act: Callable[[], object], look_seconds: float = LOOK_SECONDS) -> None:
    """Call something, in a thread, when the run of this process is over and its main process is on another machine.

    Args:
        study: Name of the study, in the working directory.
        act: What is called, once.
        look_seconds: How often to look.
    """
    owner = of_token(os.environ.get(OWNER, ""))
    if owner is None or owner.here:
        return
    root = Path.cwd()

    def watch() -> None:
        while not orphaned(study, root):
            time.sleep(look_seconds)
        act()

    threading.Thread(target=watch, name="sixgig-run", daemon=True).start()


def _owns(owner: Identity, study: str, root: Path) -> bool:
    """Whether the owner's file names a process; a file that cannot be read says nothing against it."""
    try:
        content = (root / OWNERS / f"{study}.json").read_bytes().strip(b" \0")
    except OSError:
        return True
    if not content:
        return False
    try:
        found = json.loads(content)
        return Identity(str(found["boot"]), int(found["pid"]), str(found["began"])) == owner
    except (ValueError, TypeError, KeyError):  # just being written
        return True
