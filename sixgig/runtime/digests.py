"""Digests of files and of settings. It runs under Python 3.7 too."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file's content as 64 lower-case hexadecimal digits, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def row_sha256(row: Any) -> str:
    """Return the sha256 of a row of an array as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(row.tobytes()).hexdigest()


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that stand for JSON-like settings, whatever the order of their keys."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
