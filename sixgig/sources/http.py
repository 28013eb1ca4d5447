"""One file from a web server: resumed after a break, checked before it gets its name."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from sixgig.errors import CohortError
from sixgig.redaction import redacted
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.locks import locked
from sixgig.runtime.progress import Progress

_BLOCK = 1 << 18
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checksum:
    """The checksum that a file must have: an algorithm (``sha256`` or ``md5``) and its hexadecimal digest."""

    algorithm: str
    digest: str

    def of(self, path: Path) -> str:
        """Return the digest of a file by this algorithm."""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, self.algorithm).hexdigest()


@dataclass(frozen=True)
class Patience:
    """When a download gives up on a server.

    Attributes:
        attempts: How many attempts in a row may bring nothing new.
        delay: Seconds before the second attempt; doubled with each further one, up to ``longest``.
        longest: Maximum number of seconds between two attempts, even when the server asks for more.
        timeout: Seconds without a byte after which a connection counts as broken.
        slowest: Bytes a second; slower over ``window`` seconds counts as broken.
        window: Seconds.
    """

    attempts: int = 6
    delay: float = 2.0
    longest: float = 60.0
    timeout: float = 30.0
    slowest: float = 500.0
    window: float = 60.0


class _BrokenError(Exception):
    """The connection or the server failed in a way that another attempt may overcome."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _RestartError(Exception):
    """The part that has been fetched cannot be continued."""


def fetch(url: str, target: Path, checksum: Checksum, *, patience: Patience | None = None, room: float = 1.0) -> Path:
    """Fetch a file, going on where an earlier attempt or an earlier run was cut off.

    What arrives is kept as ``<name>.part`` with a note on where it comes from. It gets its final name when it is
    complete and its checksum is right. Two jobs that want the same file fetch it once.

    Args:
        url: Address, http or https. Proxies and certificates are those of the environment.
        target: The file.
        checksum: The checksum that it must have.
        patience: When to give up on the server.
        room: Free space that the disk must have, as a multiple of the file's size: 1 for the file, more for what is
            made of it.

    Returns:
        ``target``.

    Raises:
        CohortError: The server refuses, keeps failing or sends something else, or there is too little free space.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock")):
        if target.exists():
            if checksum.of(target) == checksum.digest:
                return target
            _log.warning("%s does not have the right checksum: fetching it again", target)
            target.unlink()
        part = target.with_name(f"{target.name}.part")
        _fetch_part(url, part, patience or Patience(), room)
        found = checksum.of(part)
        if found != checksum.digest:
            _forget(part)
            raise CohortError(
                url,
                f"the file has {checksum.algorithm} {found}, but {checksum.digest} is expected; it was removed",
                f"check the address and the {checksum.algorithm}; if both are right, run again",
            )
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, target)
        _note(part).unlink(missing_ok=True)
    return target


def check_space(folder: Path, needed: int, what: str) -> None:
    """Check that a disk has room.

    Raises:
        CohortError: There is too little; the message says how much is needed and how much is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CohortError(
            folder,
            f"{what} needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free",
            "free space, or move the repository to a larger disk",
        )


def _fetch_part(url: str, part: Path, patience: Patience, room: float) -> None:
    """Fetch what the part still lacks."""
    failures, restarts, wait = 0, 0, patience.delay
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _attempt(url, part, patience, room)
            return
        except _RestartError as restart:
            _log.warning("%s: %s; starting over", redacted(url), restart)
            _forget(part)
            restarts += 1
            asked, last = 0.0, str(restart)
        except _BrokenError as broken:
            grown = part.exists() and part.stat().st_size > before
            failures = 1 if grown else failures + 1
            wait = patience.delay if grown else wait
            asked = min(patience.longest, broken.wait if broken.wait is not None else wait * random.uniform(0.7, 1.3))
            _log.warning("%s: %s; trying again in %.0f s", redacted(url), broken, asked)
            last = str(broken)
        if max(failures, restarts) >= patience.attempts:
            reason = f"could not be fetched in {max(failures, restarts)} attempts: {last}"
            raise CohortError(url, reason, "check the network and run again: what has arrived is kept")
        time.sleep(asked)
        wait = min(2 * wait, patience.longest)


def _attempt(url: str, part: Path, patience: Patience, room: float) -> None:
    import requests
    import urllib3

    note = read_json(_note(part)) if _note(part).exists() else {}
    offset = part.stat().st_size if part.exists() and note.get("url") == redacted(url) else 0
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if note.get("validator"):
            headers["If-Range"] = note["validator"]
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(patience.timeout, patience.timeout)) as response:
            total = _check(url, response.status_code, response.headers, offset, note)
            if total == offset and response.status_code == 416:  # all of it is there
                return
            resumed = response.status_code == 206
            offset = offset if resumed else 0
            if not resumed:
                write_json(
                    _note(part), {"url": redacted(url), "validator": _validator(response.headers), "total": total}
                )
            if total is not None:
                check_space(part.parent, round(total * room) - offset, "the download and what is made of it")
            _store(_blocks(response.raw), part, offset, total, patience)
    except requests.exceptions.MissingSchema as error:
        raise CohortError(url, "is not an address", "write it with http:// or https://") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _BrokenError(_short(error)) from error


def _blocks(stream: Any) -> Iterator[bytes]:
    """Yield what has arrived, without waiting for a full block, so that nothing is lost when the connection breaks."""
    while block := stream.read1(_BLOCK, decode_content=False):
        yield block


def _check(url: str, status: int, headers: Mapping[str, str], offset: int, note: Mapping[str, Any]) -> int | None:
    """Look at what the server says before a byte is stored; return the length of the whole file, if it says so."""
    if status in _AGAIN:
        raise _BrokenError(f"the server answers {status}", _retry_after(headers.get("Retry-After")))
    if status == 416:
        match = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", ""))
        if match and int(match[1]) == offset:
            return offset
        raise _RestartError("the server has no such range")
    if status not in (200, 206):
        reason = {401: "wants a password", 403: "refuses", 404: "has no such file", 410: "has no such file any more"}
        raise CohortError(
            url, f"the server {reason.get(status, 'refuses')} (status {status})", "check the address in a browser"
        )
    if headers.get("Content-Encoding", "identity") != "identity":
        raise CohortError(url, "the server packs what it sends although it was asked not to", "use another mirror")
    length = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdigit() else None
    if status == 200:
        return length
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset or offset == 0:
        raise _RestartError("the server sends another range than it was asked for")
    total = None if match[3] == "*" else int(match[3])
    changed = note.get("validator") and _validator(headers) and note["validator"] != _validator(headers)
    if changed or (note.get("total") and total and note["total"] != total):
        raise _RestartError("the file on the server has changed")
    return total


def _store(blocks: Iterator[bytes], part: Path, offset: int, total: int | None, patience: Patience) -> None:
    mebibyte = 2**20
    label = f"fetch {part.name.removesuffix('.part')}"
    size = max(1, round((total or 0) / mebibyte))
    with (
        part.open("r+b" if offset else "wb") as stream,
        Progress(label, size, "MiB", done=round(offset / mebibyte)) as progress,
    ):
        stream.seek(offset)
        stream.truncate()
        stored, shown = offset, round(offset / mebibyte)
        window_start, window_bytes = time.monotonic(), 0
        for block in blocks:
            stream.write(block)
            stored += len(block)
            window_bytes += len(block)
            if total is not None and stored > total:
                raise _RestartError("the server sends more than it announced")
            progress.advance(round(stored / mebibyte) - shown)
            shown = round(stored / mebibyte)
            elapsed = time.monotonic() - window_start
            if elapsed > patience.window:
                if window_bytes / elapsed < patience.slowest:
                    raise _BrokenError(f"only {window_bytes / elapsed:.0f} bytes a second arrive")
                window_start, window_bytes = time.monotonic(), 0
    if total is not None and stored < total:
        raise _BrokenError(f"the connection ended after {stored:,} of {total:,} bytes")


def _validator(headers: Mapping[str, str]) -> str | None:
    """Return what identifies this state of the file for If-Range: a strong ETag, else the time of its last change."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _short(error: Exception) -> str:
    """The first cause of a network error, without the wrapping of the libraries above it."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return redacted(str(error))[:200] or type(error).__name__


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)
