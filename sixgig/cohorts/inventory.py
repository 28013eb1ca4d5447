"""What files a cohort is read from, as they are now and as they were when it was prepared.

:func:`take_stock` walks over them without opening an image: paths, sizes, times, and the content of tables. Its
:attr:`Stock.state` decides whether the cohort is prepared again. Preparation leaves an :class:`Inventory` beside the
cohort's files, with which :mod:`sixgig.cohorts.changes` can say what is new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Adapter, Discovery
from sixgig.errors import CohortError
from sixgig.runtime.atomic import read_json, write_text
from sixgig.runtime.digests import settings_digest
from sixgig.runtime.file_states import FileState, files_below, look_at_all

_HEAD = 2**16
#: What this process has discovered so far; see :func:`discover`.
_DISCOVERED: dict[str, Discovery] = {}


@dataclass(frozen=True)
class Stock:
    """The files of a cohort as they are now.

    Attributes:
        root: The cohort's folder or file.
        files: State by path, relative to ``root`` where the file lies below it.
    """

    root: Path
    files: Mapping[str, FileState]

    @cached_property
    def state(self) -> str:
        """16 hexadecimal digits that change when a file is added, removed or changed."""
        return settings_digest({name: file.text for name, file in self.files.items()})


@dataclass(frozen=True)
class Inventory:
    """What a cohort was prepared from.

    Attributes:
        state: :attr:`Stock.state` of then.
        files: State by path, as in :class:`Stock`.
        labels: Class of every subject that was found, before ``classes`` and ``limit``; None where unlabelled.
        again: Files that a passing fault (a drive that failed) kept from being read.
        attempt: How often the cohort was prepared again because such files could be read.
    """

    state: str
    files: Mapping[str, FileState] = field(default_factory=dict)
    labels: Mapping[str, str | None] = field(default_factory=dict)
    again: tuple[str, ...] = ()
    attempt: int = 0

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        values = {
            "state": self.state,
            "attempt": self.attempt,
            "again": list(self.again),
            "labels": dict(self.labels),
            "files": {name: astuple(file) for name, file in self.files.items()},
        }
        write_text(path, json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_inventory(path: Path) -> Inventory | None:
    """Read what :meth:`Inventory.write` wrote; None when there is no such file, or it is another one."""
    try:
        values: dict[str, Any] = read_json(path)
        files = {name: FileState(*file) for name, file in values["files"].items()}
        return Inventory(
            str(values["state"]), files, dict(values["labels"]), tuple(values["again"]), int(values["attempt"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def take_stock(adapter: Adapter, root: Path, known: Mapping[str, FileState] | None = None) -> Stock:
    """Look at every file that a cohort is read from: those below ``root``, and tables elsewhere.

    Args:
        adapter: The cohort's adapter, with its options.
        root: The cohort's folder or file.
        known: The files of an earlier stock; tables whose size and time agree are not read again.

    Raises:
        CohortError: The cohort is not there, or one of its folders cannot be listed.
    """
    if not root.exists():
        raise CohortError(root, "is not there", "connect the drive, or correct the path in the study file")
    try:
        listed = adapter.listed_files(root)
        files = list(files_below(root)) if listed is None else list(listed)
        return Stock(root, look_at_all(root, [*files, *adapter.tables()], known))
    except OSError as error:
        place = error.filename or root
        raise CohortError(
            place, f"cannot be listed: {error.strerror or error}", "connect the drive, or correct the permissions"
        ) from error


def take_tables(adapter: Adapter, root: Path, known: Mapping[str, FileState] | None = None) -> dict[str, FileState]:
    """Look at the tables that lie outside a cohort's folder alone; see :func:`take_stock`."""
    return look_at_all(root, adapter.tables(), known)


def next_attempt(known: Inventory | None, stock: Stock) -> int:
    """Return how often the same files were prepared again, this time included if there is reason for it.

    The reason is that a file that could not be reached can be read now; its size and time need not have changed.
    """
    if known is None or known.state != stock.state:
        return 0
    return known.attempt + any(_opens(stock.root / name) for name in known.again)


def _opens(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            stream.read(_HEAD)
    except OSError:
        return False
    return True


def discover(adapter: Adapter, stock: Stock) -> Discovery:
    """Return what an adapter finds; twice in one process, it looks once as long as the files stay what they are.

    Raises:
        CohortError: See :meth:`sixgig.cohorts.base.Adapter.discover`.
    """
    key = settings_digest(
        {
            "adapter": adapter.name, "modalities": adapter.modalities, "options": adapter.options,
            "root": str(stock.root), "state": stock.state,
        }
    )  # fmt: skip
    if key not in _DISCOVERED:
        _DISCOVERED[key] = adapter.discover(stock.root)
    return _DISCOVERED[key]
