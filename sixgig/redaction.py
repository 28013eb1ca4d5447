"""Takes passwords and tokens out of text before anybody reads it. It runs under Python 3.7 too."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from typing import Any, TextIO

#: What stands in place of a secret.
MASK = "***"
#: Environment variables whose values are secrets, such as HF_TOKEN and MLFLOW_TRACKING_PASSWORD.
_SECRET_VARIABLE = re.compile(r"(TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY)$", re.IGNORECASE)
#: Shorter values are words that may stand anywhere.
_SHORTEST = 6
#: ``user:password@`` or ``token@`` of an address; a password may itself hold an ``@``.
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/?#'\"<>]+@")
_IN_QUERY = re.compile(
    r"([?&](?:[\w.-]*(?:token|password|passwd|secret|signature|credential|api[_-]?key|access[_-]?key)|sig|key|auth)=)"
    r"[^\s&#'\"<>]+",
    re.IGNORECASE,
)
_IN_HEADER = re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}")
_HUB_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{16,}")


def redacted(text: str) -> str:
    """Return a text with ``***`` in place of every secret.

    Secrets are user and password in an address, values in its query that are called token, key, signature and the like,
    what follows ``Bearer`` or ``Basic``, tokens of the Hugging Face hub, and the values of environment variables whose
    names end in TOKEN, PASSWORD, SECRET or KEY of an API.
    """
    for value in _secret_values():
        text = text.replace(value, MASK)
    text = _IN_ADDRESS.sub(MASK + "@", text)
    text = _IN_QUERY.sub(r"\g<1>" + MASK, text)
    text = _IN_HEADER.sub(r"\g<1>" + MASK, text)
    return _HUB_TOKEN.sub(MASK, text)


def redacted_values(value: Any) -> Any:
    """Return a JSON-like value with every text in it :func:`redacted`."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: redacted_values(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted_values(entry) for entry in value]
    return value


class RedactedStream(io.TextIOBase):
    """A text stream that takes secrets out of what is written to it.

    Args:
        stream: Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its secrets."""
        self._stream.write(redacted(text))
        return len(text)

    def flush(self) -> None:
        """Pass on what is waiting."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the descriptor below: what is written there directly is not looked at."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether a person reads it as it comes."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """It is for writing."""
        return True

    @property
    def buffer(self) -> Any:
        """The bytes below: what is written there is not looked at."""
        return self._stream.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream below."""
        return self._stream.encoding


def _secret_values() -> list[str]:
    values = {value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST}
    return sorted(values, key=len, reverse=True)
