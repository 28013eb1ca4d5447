"""Weights in several files, which the hub calls shards: an index says which file holds which tensor.

The index (``model.safetensors.index.json``) has ``weight_map``, tensor to file. The files are joined to one safetensors
file in memory, so that all that reads weights sees them as one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sixgig.errors import WeightsError

INDEX = ".safetensors.index.json"
_NAME = re.compile(r"[\w-][\w.-]*\.safetensors")
_LENGTH = 8  # bytes of the number at the beginning of a safetensors file


def is_index(name: str) -> bool:
    """Whether a file's name says that it is an index of shards."""
    return name.endswith(INDEX)


def shards_of(index: bytes, place: str) -> dict[str, set[str]]:
    """Return the names of the tensors of every shard, by the shard's file name.

    Args:
        index: Content of the index.
        place: Where it comes from, for error messages.

    Raises:
        WeightsError: It is no index, or names other than safetensors files beside it.
    """
    try:
        found = json.loads(index)["weight_map"]
        pairs = [(str(name), str(shard)) for name, shard in found.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        step = "get the index again; it is the file that ends in .index.json beside the shards"
        raise WeightsError(place, "is no index of weights in several files (it lacks `weight_map`)", step) from error
    shards: dict[str, set[str]] = {}
    for name, shard in pairs:
        if not _NAME.fullmatch(shard):
            step = "use weights whose index names .safetensors files in its own folder"
            raise WeightsError(place, f"names the shard {shard!r}, which is no safetensors file beside it", step)
        shards.setdefault(shard, set()).add(name)
    if not shards:
        raise WeightsError(place, "names no shards", "get the index again")
    return dict(sorted(shards.items()))


def join_shards(index: bytes, place: str, fetch: Callable[[str], bytes]) -> tuple[bytes, dict[str, str]]:
    """Return the content of all shards as that of one safetensors file, and the sha256 of every shard.

    Args:
        index: Content of the index.
        place: Where it comes from, for error messages.
        fetch: Returns the content of a shard by its file name.

    Raises:
        WeightsError: A shard cannot be had or read, or holds other tensors than the index says.
    """
    header: dict[str, Any] = {}
    bodies: list[bytes] = []
    digests: dict[str, str] = {}
    start = 0
    for shard, names in shards_of(index, place).items():
        content = fetch(shard)
        digests[shard] = hashlib.sha256(content).hexdigest()
        own, body = _opened(content, f"{place}, shard {shard}")
        if own.keys() != names:
            lacking, more = sorted(names - own.keys()), sorted(own.keys() - names)
            said = [f"lacks {len(lacking)} tensors that the index says it holds (first: {lacking[0]})"] * bool(lacking)
            said += [f"holds {len(more)} that the index does not name there (first: {more[0]})"] * bool(more)
            step = "get this shard and the index again, of the same revision"
            raise WeightsError(f"{place}, shard {shard}", " and ".join(said), step)
        for name, entry in own.items():
            header[name] = entry | {"data_offsets": [start + offset for offset in entry["data_offsets"]]}
        bodies.append(body)
        start += len(body)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *bodies]), digests


def require_shards(found: Mapping[str, str], pinned: Mapping[str, str] | None, place: str, must: bool = False) -> None:
    """Refuse shards that are not those that the study file pins.

    Args:
        found: sha256 of every shard by its file name.
        pinned: ``shards`` of the source; None where it has none.
        place: Where the source stands in the study file.
        must: Whether the source has to pin them.

    Raises:
        WeightsError: One has another sha256, or is not pinned though others are, or though it must.
    """
    if not pinned and not must:
        return
    for shard in [*found, *(pinned or {})]:
        wanted = str((pinned or {}).get(shard, "")).lower()
        if found.get(shard) == wanted:
            continue
        if shard not in found:
            raise WeightsError(f"{place}.shards", f"pins {shard}, which the index does not name", "remove it")
        if not wanted:
            written = ", ".join(f"{name}: {digest}" for name, digest in found.items())
            reason = f"lacks the sha256 of the shard {shard}; that of the index says nothing of what it holds"
            raise WeightsError(f"{place}.shards", reason, f"if you trust these files, write `shards: {{{written}}}`")
        reason = f"the shard {shard} has sha256 {found[shard]}, but the study file pins {wanted}"
        raise WeightsError(place, reason, "get the right shard; or, if you trust this one, write its sha256 there")


def _opened(content: bytes, place: str) -> tuple[dict[str, Any], bytes]:
    """Return header (tensor to type, shape and place) and body of a safetensors file."""
    try:
        length = int.from_bytes(content[:_LENGTH], "little")
        header = json.loads(content[_LENGTH : _LENGTH + length])
        header.pop("__metadata__", None)
        body = content[_LENGTH + length :]
        if max((entry["data_offsets"][1] for entry in header.values()), default=0) != len(body):
            raise ValueError("it is cut off")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        step = "get this shard again; the others need not be"
        raise WeightsError(place, f"is no whole safetensors file: {error}", step) from error
    return header, body
