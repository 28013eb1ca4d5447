"""Faults that pass: a drive that is gone, a permission that is missing. They say nothing about the file itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from sixgig.errors import CohortError

#: What the system says when a file cannot be reached, as against one whose content is wrong.
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "ENOENT", "EIO", "ENODEV", "ENXIO", "EAGAIN", "EBUSY", "EINTR", "EMFILE", "ENFILE", "ENOMEM",
        "ESTALE", "ENOTCONN", "ENOLINK", "EREMOTEIO", "ENOMEDIUM", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN",
        "ENETUNREACH", "ENETRESET", "ECONNABORTED", "ECONNRESET", "ECONNREFUSED", "EKEYEXPIRED", "ENOKEY",
    )
    if hasattr(errno, name)
)  # fmt: skip
#: Types that some libraries raise without a number.
_PASSING_TYPES = (FileNotFoundError, PermissionError, ConnectionError, TimeoutError)


def passing_fault(error: BaseException | None) -> OSError | None:
    """Return the passing fault that is behind an error, or None when the file itself is at fault.

    A file that was listed a moment ago and is not there now counts: the drive went, or somebody is moving files.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and (error.errno in _PASSING or isinstance(error, _PASSING_TYPES)):
            return error
        error = error.__cause__ or error.__context__
    return None


def check_still_there(root: Path) -> None:
    """Stop when a cohort's folder is gone, or has become empty, as the place of a drive that is not connected.

    Raises:
        CohortError: It is.
    """
    try:
        with os.scandir(root) as entries:
            gone = next(entries, None) is None
        reason = "is empty now: its files are gone"
    except NotADirectoryError:  # the cohort is one file
        return
    except PermissionError:
        gone, reason = True, "may not be read any more"
    except OSError as error:
        gone, reason = True, f"is no longer there: {error.strerror or error}"
    if gone:
        step = "connect the drive or correct the permissions, and run again: the subjects prepared so far are kept"
        raise CohortError(root, reason, step)
