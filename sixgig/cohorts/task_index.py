"""``dataset.json`` of the Medical Segmentation Decathlon and of nnU-Net: channels, and lists of files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sixgig.errors import CohortError

INDEX = "dataset.json"
#: Channels of an image.
MOST = 3
_NEXT_STEP = "restore it from the task's archive"


def find_task(root: Path) -> Path | None:
    """Return the folder with dataset.json: ``root``, or the first in it; see :func:`no_task`."""
    return next(iter(_tasks(root)), None)


def no_task(root: Path) -> list[str]:
    """Say, in sentences, why ``root`` is not the folder of one task; empty when it is."""
    if not root.is_dir():
        return [f"{root} does not exist or is not a folder"]
    tasks = _tasks(root)
    if len(tasks) > 1:
        shown = ", ".join(folder.name for folder in tasks[:MOST]) + (", ..." if len(tasks) > MOST else "")
        return [f"{root} holds {len(tasks)} folders with {INDEX} ({shown}); name one of them"]
    return [] if tasks else [f"{root} holds no {INDEX}"]


def _tasks(root: Path) -> list[Path]:
    """Return ``root`` when it holds dataset.json, else the folders in it that do."""
    if (root / INDEX).is_file():
        return [root]
    return [path for path in sorted(root.iterdir()) if path.is_dir() and (path / INDEX).is_file()]


def read_index(path: Path) -> dict[str, Any]:
    """Read dataset.json.

    Raises:
        CohortError: It cannot be read, or holds no object.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CohortError(path, f"cannot be read: {error.strerror}", _NEXT_STEP) from error
    except (ValueError, RecursionError) as error:
        raise CohortError(path, f"cannot be used: it is not JSON ({error})", _NEXT_STEP) from error
    if not isinstance(index, dict):
        raise CohortError(path, "cannot be used: it holds no object of keys", _NEXT_STEP)
    return index


def channels(path: Path, index: Mapping[str, Any]) -> dict[str, int]:
    """Return the names of channels and their numbers, by ``channel_names`` or ``modality``.

    Several channels of one name, such as two phases of CT, are told apart by their numbers: CT_0, CT_1.

    Raises:
        CohortError: There is no such key, or it does not name channels by numbers.
    """
    key = "channel_names" if "channel_names" in index else "modality"
    listed = index.get(key)
    if isinstance(listed, list):
        listed = dict(enumerate(listed))
    if not isinstance(listed, dict) or not listed:
        raise CohortError(path, f"cannot be used: {key} does not list channels", _NEXT_STEP)
    try:
        numbered = sorted((int(number), str(name).strip()) for number, name in listed.items())
    except (TypeError, ValueError) as error:
        raise CohortError(path, f"cannot be used: {key} does not number its channels", _NEXT_STEP) from error
    times = Counter(name for _, name in numbered)
    names = {
        number: name if name and times[name] == 1 else f"{name or 'channel'}_{number}" for number, name in numbered
    }
    if len(set(names.values())) < len(listed):
        raise CohortError(path, f"cannot be used: {key} names two channels alike", "give each a name of its own")
    return {name: number for number, name in names.items()}


def chosen(path: Path, there: Mapping[str, int], asked: Sequence[str]) -> dict[str, int]:
    """Return the channels that the stanza's ``modalities`` asks for, or all of them.

    Raises:
        CohortError: A channel does not exist, or there are more than an image has and none is asked for.
    """
    if not asked and len(there) > MOST:
        raise CohortError(
            path,
            f"lists {len(there)} modalities, and an image has three channels",
            f"set `modalities` of the cohort, for instance [{', '.join(list(there)[:MOST])}]",
        )
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise CohortError(path, f"lists no modality {unknown[0]}", f"use {', '.join(there)}")
    return {name: there[name] for name in asked or there}


def inside(path: Path, file: object) -> str:
    """Return a file that dataset.json names, as a path below its folder.

    Raises:
        CohortError: It is no name of a file, or leads out of the folder.
    """
    text = file if isinstance(file, str) else ""
    parts = PurePosixPath(text.replace("\\", "/")).parts
    if not parts or text.startswith("/") or ".." in parts or "\0" in text:
        raise CohortError(path, f"cannot be used: {file!r} is no file of the task", _NEXT_STEP)
    return "/".join(part for part in parts if part != ".")


def bare(name: str) -> str:
    """Return the name of a NIfTI file without its ending."""
    return name.removesuffix(".gz").removesuffix(".nii")
