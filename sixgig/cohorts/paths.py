"""Files that a table names, found on the disk although they are written in another way there."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class FileFinder:
    """Finds files by paths from a table.

    A path may have backslashes, and letters and accents in another form (NFC, NFD) than on the disk. Folders are listed
    once each, and only where a path is not there as it is written.

    Args:
        folder: Where relative paths start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, cell: str) -> str | None:
        """Return the path of the file as it is on the disk, None where there is none."""
        if self._is_file(cell):
            return cell
        for written in dict.fromkeys((cell, cell.replace("\\", "/"))):
            if self._is_file(written):
                return written
            there = self._there(written, "NFC")
            if there is not None and self._is_file(there):
                return there
        return None

    def why_not(self, cell: str) -> str:
        """Say why :meth:`find` found nothing."""
        if _DRIVE.match(cell) and os.sep == "/":
            return f"{cell} is a path of another machine: write paths from the table's folder"
        there = self._there(cell.replace("\\", "/"), "case")
        if os.path.isdir(self._folder / cell):
            return f"{cell} is a folder"
        if there is not None:
            return f"{cell} does not exist; there is {there}, which differs by case"
        return f"{cell} does not exist"

    def _is_file(self, file: str) -> bool:
        try:
            return os.path.isfile(self._folder / file)
        except (OSError, ValueError):  # a name that no file can have
            return False

    def _there(self, file: str, form: str) -> str | None:
        """Follow a path name by name, each in the form that the folder has."""
        parts = [part for part in file.split("/") if part]
        place, found = (Path("/"), "/") if file.startswith("/") else (self._folder, "")
        for part in parts:
            names = self._names.setdefault(f"{form} {place}", {}) or self._list(place, form)
            fitting = names.get(_form(part, form), [part] if part in (".", "..") else [])
            if len(fitting) != 1:
                return None
            found = os.path.join(found, fitting[0])
            place = place / fitting[0]
        return found

    def _list(self, folder: Path, form: str) -> dict[str, list[str]]:
        names = self._names[f"{form} {folder}"]
        try:
            for name in os.listdir(folder):
                names.setdefault(_form(name, form), []).append(name)
        except (OSError, ValueError):
            pass
        return names


def _form(name: str, form: str) -> str:
    nfc = unicodedata.normalize("NFC", name)
    return nfc.casefold() if form == "case" else nfc
