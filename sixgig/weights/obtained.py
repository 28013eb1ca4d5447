"""A weights file that was fetched and verified, wherever it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Obtained:
    """A weights file that was fetched and verified.

    Attributes:
        data: Its content.
        origin: Where it came from, for the provenance.
        shown: Its name, for error messages.
        configs: What stands beside it and says how images are prepared: file name to the JSON in it.
        digest: sha256 of what the study file pins, where that is not the content: the index of a file in shards.
    """

    data: bytes
    origin: Any
    shown: str
    configs: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def sha256(self) -> str:
        """The sha256 of the file that the study file pins."""
        return self.digest or hashlib.sha256(self.data).hexdigest()
