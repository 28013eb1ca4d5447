"""Writing the arrays of a cohort: errors of the disk told to a user, and second names of files in place of copies."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sixgig.errors import CohortError


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn errors of writing into one that tells a user about a full or read-only disk.

    Raises:
        CohortError: The block raised OSError.
    """
    try:
        yield
    except OSError as error:
        raise CohortError(
            folder,
            f"cannot be written: {error.strerror or error}",
            "free space or correct the permissions, and run again: the subjects prepared so far are kept",
        ) from error


def put_in_place(source: Path, final: Path) -> None:
    """Give a file a second name, or copy it where the file system has no second names or is another one."""
    partial = final.with_name(f".partial-{final.name}")
    partial.unlink(missing_ok=True)
    try:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
        os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)


def unlink_twin(path: Path) -> None:
    """Copy a file that shares its content with the published one, since it is about to be written to."""
    if path.exists() and path.stat().st_nlink > 1:
        copy = path.with_name(f"copy-{path.name}")
        shutil.copyfile(path, copy)
        os.replace(copy, path)
