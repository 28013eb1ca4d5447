"""What this user may do with a folder or file, and in words whose it is and what to do about it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

_EFFECTIVE = os.access in os.supports_effective_ids


def may(path: str | os.PathLike[str], mode: int) -> bool:
    """Whether this process may read (``os.R_OK``), write or enter something; also False on a read-only file system."""
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def may_read(path: Path) -> bool:
    """Whether this process may read a file, or list a folder and open what is in it."""
    return may(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def closed(path: Path) -> Path:
    """Return the first folder on the way to something that this process may not read or enter; else the path itself."""
    return next((part for part in [*reversed(path.parents), path] if part.exists() and not may_read(part)), path)


def is_read_only(path: Path) -> bool:
    """Whether something that exists lies on a read-only file system."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def user_name(number: int | None = None) -> str:
    """Return a user's name, or the number of one without a name; this process's user when None."""
    number = os.geteuid() if number is None else number
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"number {number}"


def whose(path: Path) -> str:
    """Say whose something is, and its mode: ``belongs to anna (mode 755), and you are nobody``."""
    try:
        status = path.stat()
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    mode = f"{stat.S_IMODE(status.st_mode):o}"
    if status.st_uid == os.geteuid():
        return f"belongs to you (mode {mode})"
    return f"belongs to {user_name(status.st_uid)} (mode {mode}), and you are {user_name()}"


def is_mine(path: Path) -> bool:
    """Whether something belongs to this process's user, who may then change its rights."""
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False
