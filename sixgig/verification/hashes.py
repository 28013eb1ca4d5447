"""Every output against the sha256 that the study recorded of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.paths import user_path
from sixgig.runtime.recorded_hashes import OUTPUTS, read_hashes
from sixgig.verification.findings import ERROR, NOTE, OK, Finding

_CHECK = "hashes"
#: Folders and files that are no outputs, or that others write to.
_OTHERS = frozenset({"logs", "benchmarks", "raw", "mlartifacts"})
_OTHER_FILES = ("mlflow.", "inventory.json", "ro-crate-metadata.json", OUTPUTS)
#: Arrays that may be deleted to save room, once everything has been made from them.
_SPARE = ("images.npy", "volumes.npy")
_SHOWN = 5


def check_hashes(folder: Path) -> Iterator[Finding]:
    """Compare files with the hashes recorded in ``outputs.sha256``, and with those that older records hold.

    Every file is read whole: what has become other bytes on the disk keeps its size and time.

    Args:
        folder: The study's folder.

    Yields:
        A finding for each file that changed or is gone, and one for all that are as they were.
    """
    try:
        recorded = read_hashes(folder)
    except SixgigError as error:
        yield Finding(_CHECK, ERROR, f"{error.place}: {error.reason}", OUTPUTS)
        return
    older = _older_records(folder)
    yield from _compare(folder, {**older, **recorded}, bool(recorded))
    unlisted = sorted(set(_outputs(folder)) - set(recorded))
    if not recorded:
        yield Finding(
            _CHECK, NOTE,
            f"{OUTPUTS} is not there, so {len(unlisted) - len(older)} files have no recorded hash: the study is from "
            "before it was written, or has not run to its end; run it again to record them",
            OUTPUTS,
        )  # fmt: skip
    elif unlisted:
        shown = ", ".join(unlisted[:_SHOWN]) + (", ..." if len(unlisted) > _SHOWN else "")
        yield Finding(_CHECK, NOTE, f"{len(unlisted)} files are not in {OUTPUTS}: {shown}", OUTPUTS)


def _compare(folder: Path, recorded: dict[str, str], complete: bool) -> Iterator[Finding]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
        found = dict(zip(recorded, pool.map(lambda name: _digest(folder / name), recorded), strict=True))
    agree, spared = 0, []
    for name, digest in found.items():
        if digest == recorded[name]:
            agree += 1
        elif digest == "" and name.endswith(_SPARE):
            spared.append(name)
        elif digest == "":
            yield Finding(_CHECK, ERROR, f"{name} is not there", name)
        elif len(digest) != 64:
            yield Finding(_CHECK, ERROR, f"{name} cannot be read: {digest}", name)
        else:
            text = f"{name} has changed: sha256 {recorded[name][:12]}... was recorded, {digest[:12]}... is found"
            yield Finding(_CHECK, ERROR, text, name)
    if spared:
        yield Finding(_CHECK, NOTE, f"{len(spared)} arrays were deleted: {', '.join(spared[:_SHOWN])}")
    if agree:
        where = f"in {OUTPUTS}" if complete else "beside them"
        yield Finding(_CHECK, OK, f"{agree} of {len(recorded)} files have the sha256 recorded {where}")


def _digest(path: Path) -> str:
    """Return the sha256 of a file; empty when it is not there, or what is wrong with it."""
    try:
        return file_sha256(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or "it cannot be opened"


def _older_records(folder: Path) -> dict[str, str]:
    """Return what sidecars say about the files beside them."""
    found = {}
    for sidecar in sorted((*folder.glob("weights/*.json"), *folder.glob("pretraining/*/*.json"))):
        weights = sidecar.with_suffix(".safetensors")
        try:
            content = read_json(sidecar)
        except (OSError, ValueError):
            continue
        if weights.is_file() and isinstance(content, dict) and len(str(content.get("sha256", ""))) == 64:
            found[weights.relative_to(folder).as_posix()] = str(content["sha256"])
    return found


def _outputs(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        top = Path(place) == folder
        folders[:] = [name for name in folders if not name.startswith(".") and not (top and name in _OTHERS)]
        for name in files:
            if not name.startswith((".", *_OTHER_FILES)) and not name.endswith(".python"):
                yield (Path(place) / name).relative_to(folder).as_posix()


def check_own_features(study: Study) -> Iterator[Finding]:
    """Compare the user's feature tables with the sha256 that the sidecars of their features hold.

    Args:
        study: The study.

    Yields:
        An error for a table that has changed since it was read, and a note for one that is not there any more.
    """
    agree = 0
    for sidecar in sorted(study.folder.glob("features/*/*.json")):
        try:
            content = read_json(sidecar)
        except (OSError, ValueError):
            continue  # its own hash says so
        recorded = (content.get("own_features") or {}).get("sha256") if isinstance(content, dict) else None
        if not recorded:
            continue
        cohort, arm = sidecar.parent.name, sidecar.stem
        stanza = study.config.get("arms", {}).get(arm, {}).get("files", {}).get(cohort, {})
        place, path = sidecar.relative_to(study.folder).as_posix(), user_path(str(stanza.get("path", "")))
        digest = _digest(path) if stanza.get("path") else ""
        if digest == recorded:
            agree += 1
        elif len(digest) == 64:
            text = f"the table {path.name} of arm {arm} on {cohort} has changed since it was read: sha256 "
            yield Finding(_CHECK, ERROR, f"{text}{recorded[:12]}... was recorded, {digest[:12]}... is found", place)
        else:
            said = f"cannot be read ({digest})" if digest else "is not there"
            yield Finding(_CHECK, NOTE, f"the table {path.name} of arm {arm} on {cohort} {said}, so it is not compared")
    if agree:
        yield Finding(_CHECK, OK, f"{agree} feature tables of the user's are those that were read")
