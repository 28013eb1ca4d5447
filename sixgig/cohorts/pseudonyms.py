"""Pseudonyms: salted hashes in place of patients' names and files, with the key outside the study's folder."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from sixgig.cohorts.base import Rejection, Remark
from sixgig.errors import CohortError
from sixgig.runtime.atomic import atomic_path
from sixgig.runtime.locks import locked
from sixgig.tables.cohorts import PSEUDONYMS

_SALT, _SALT_BYTES = "salt", 32
#: 50 bits: two of a million names agree with a chance of one in two thousand, and that is looked for.
_LENGTH = 10
#: Numbers of fewer digits, and words of fewer characters less one, are looked for in paths alone.
_SHORT = 4


class Pseudonyms:
    """Replaces what names a patient in the rows of one cohort's tables.

    A pseudonym is an HMAC (SHA-256) of the name under a random salt, which is drawn once and kept beside the table: the
    same name has the same pseudonym in every study, and nobody without the salt can try names out.

    Args:
        table: The key table, which says what each pseudonym stands for; only its owner may read its folder.

    Raises:
        CohortError: The folder cannot be written, or its salt is damaged.
    """

    def __init__(self, table: Path) -> None:
        self._table = table
        self._salt = _salt(table.parent)
        self._names: dict[str, tuple[str, str]] = {}

    def subject(self, subject_id: str) -> str:
        """Return a subject's pseudonym, such as ``s-k3x5wq2amz``."""
        return self._replaced("subject", subject_id)

    def manifest_rows(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replace subject, volume, image and source in rows of manifest.csv; volumes and images are counted anew."""
        number_of: dict[str, int] = {}
        n_volumes: Counter[str] = Counter()
        n_images: Counter[str] = Counter()
        replaced = []
        for row in rows:
            subject, volume = self.subject(row["subject_id"]), row["volume_id"]
            if volume is None:
                n_images[subject] += 1
                image_id = f"{subject}_{n_images[subject]}"
            else:
                if volume not in number_of:
                    n_volumes[subject] += 1
                    number_of[volume] = n_volumes[subject]
                new = f"{subject}_{number_of[volume]}"
                image_id, volume = new + row["image_id"].removeprefix(volume), new
            source = self._replaced("file", row["source"])
            replaced.append({**row, "image_id": image_id, "subject_id": subject, "volume_id": volume, "source": source})
        return replaced

    def rejections(self, rows: Iterable[Rejection]) -> list[Rejection]:
        """Replace file and subject in rows of quarantine.csv, also where the reason repeats them."""
        return [
            Rejection(self._replaced("file", row.file), self._whose(row), self._without_names(row.reason, row))
            for row in rows
        ]

    def remarks(self, rows: Iterable[Remark]) -> list[Remark]:
        """Replace file and subject in rows of remarks.csv, also where the text repeats them."""
        return [
            Remark(row.kind, self._replaced("file", row.file), self._whose(row), self._without_names(row.text, row))
            for row in rows
        ]

    def write(self) -> None:
        """Write the key table: which pseudonym stands for what."""
        rows = sorted((new, kind, old) for new, (kind, old) in self._names.items())
        with _guarded(self._table.parent):
            PSEUDONYMS.write(pd.DataFrame(rows, columns=PSEUDONYMS.column_names), self._table)
            self._table.chmod(0o600)

    def _whose(self, row: Rejection | Remark) -> str | None:
        return None if row.subject_id is None else self.subject(row.subject_id)

    def _without_names(self, text: str, row: Rejection | Remark) -> str:
        file = PurePosixPath(row.file)
        names = {row.file, file.name, *file.parts[:-1], row.subject_id or row.file}
        for name in sorted(names - {""}, key=len, reverse=True):
            whole = rf"(?<!\w){re.escape(name)}(?!\w)"
            # A folder called 3 is not the 3 of "3 mm", and one called CT not the modality.
            if len(name) < (_SHORT if name.isdigit() else _SHORT - 1):
                whole = rf"(?<=/){whole}|{whole}(?=/)"
            if re.search(whole, text):
                text = re.sub(whole, self._replaced("subject" if name == row.subject_id else "file", name), text)
        return text

    def _replaced(self, kind: str, name: str) -> str:
        digest = hmac.digest(self._salt, f"{kind}:{name}".encode(), hashlib.sha256)
        new = f"{kind[0]}-{base64.b32encode(digest).decode().lower()[:_LENGTH]}"
        if self._names.setdefault(new, (kind, name)) != (kind, name):
            raise CohortError(
                self._table,
                f"{self._names[new][1]} and {name} have the same pseudonym",
                f"remove {self._table.parent / _SALT}, so that another salt is drawn",
            )
        return new


def _salt(keys: Path) -> bytes:
    """Return the salt, drawn when there is none; of two jobs that need one at once, the second waits."""
    path = keys / _SALT
    with _guarded(keys):
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(keys / ".lock"):
            if not path.exists():
                with atomic_path(path) as partial:
                    partial.write_bytes(secrets.token_bytes(_SALT_BYTES))
                    partial.chmod(0o600)
        salt = path.read_bytes()
    if len(salt) != _SALT_BYTES:
        raise CohortError(
            path, f"holds {len(salt)} bytes, not {_SALT_BYTES}", "restore it, or remove it to draw another"
        )
    return salt


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise CohortError(folder, reason, "correct the permissions, or set `pseudonyms: false`") from error
