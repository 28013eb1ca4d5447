"""Names of subjects, images, volumes and files in a study, and what stands in their place in an archive."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

import pandas as pd

from sixgig.results.files import read_object
from sixgig.tables.attention import ATTENTION
from sixgig.tables.cohorts import COPIES, MANIFEST, QUARANTINE, REMARKS, SPLITS
from sixgig.tables.format import Table
from sixgig.tables.fractions import FRACTION_PREDICTIONS
from sixgig.tables.groups import SUBJECT_GROUPS
from sixgig.tables.predictions import PREDICTIONS

#: Columns that hold one name each, and the first letter of what stands in its place.
COLUMNS = {
    "subject_id": "s", "image_id": "i", "volume_id": "v", "source": "f", "file": "f", "copy_of": "i",
}  # fmt: skip
#: Columns that hold sentences, which may speak of names.
SENTENCES = ("reason", "remark", "action", "status")
#: Formats of a cohort's tables by file name.
COHORT_TABLES = {
    "manifest.csv": MANIFEST, "splits.csv": SPLITS, "quarantine.csv": QUARANTINE, "copies.csv": COPIES,
    "remarks.csv": REMARKS, "groups.csv": SUBJECT_GROUPS,
}  # fmt: skip
#: Folders of a study whose tables name subjects.
_PLACES = ("cohorts", "predictions", "fractions")
_LETTERS_AND_DIGITS = re.compile(r"(?=.*[^\W\d_])(?=.*\d)", re.DOTALL)
_DIGITS = 12


class Names:
    """The names of a study and their pseudonyms, which a key makes that nobody keeps.

    Args:
        folder: The study's folder.
        salt: The key. Without it nobody can tell which pseudonym stands for a name, not even by trying all names.
    """

    def __init__(self, folder: Path, salt: bytes) -> None:
        self._salt = salt
        self._known: dict[str, str] = {}
        self._volumes: set[str] = set()
        self._sentences: dict[str, str] = {}
        for path in (own for place in _PLACES for own in sorted(folder.glob(f"{place}/*/*.csv"))):
            table = table_of(path.relative_to(folder).as_posix())
            if table is not None:
                self._take(table.read(path))
        for path in sorted(folder.glob("cohorts/*/inventory.json")):
            content = read_object(path)
            for subject in content.get("subjects") or {}:
                self._add(str(subject), "s")
        # The longer ones first: a name may be the beginning of another.
        self._ordered = sorted(self._known, key=lambda name: (-len(name), name))
        self._sentence = self._pattern(self._ordered)
        self._anywhere = self._pattern([name for name in self._ordered if is_telling(name)])

    @cached_property
    def telling(self) -> list[str]:
        """Names that cannot be an ordinary word or number, so that they may be looked for everywhere."""
        return [name for name in self._ordered if is_telling(name)]

    def pseudonym(self, name: str, letter: str) -> str:
        """Return what stands for a name: a letter and twelve hexadecimal digits of a keyed hash."""
        digest = hmac.new(self._salt, f"{letter}\0{name}".encode(), hashlib.sha256).hexdigest()
        return f"{letter}-{digest[:_DIGITS]}"

    def in_column(self, name: str, column: str) -> str:
        """Return what stands in a column of names."""
        return self.pseudonym(name, COLUMNS[column])

    def of_item(self, name: str) -> str:
        """Return what stands for an image or a volume."""
        return self.in_column(name, "volume_id" if name in self._volumes else "image_id")

    def in_sentence(self, text: str) -> str:
        """Return a sentence with every name in it replaced."""
        if text not in self._sentences:  # thousands of remarks say the same
            self._sentences[text] = self._sentence.sub(self._replaced, text)
        return self._sentences[text]

    def anywhere(self, text: str) -> str:
        """Return any text with the names in it replaced that are telling."""
        return text if self.found_in(text) is None else self._anywhere.sub(self._replaced, text)

    def found_in(self, text: str) -> str | None:
        """Return a telling name that stands in a text; None when there is none."""
        return next((name for name in self.telling if _stands_in(name, text)), None)

    def table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with pseudonyms in its columns of names and in its sentences.

        Rows are put into the order of the pseudonyms: the place of a row among sorted names would tell its name to
        whoever has a list of them. Rows of one subject keep their order.
        """
        changed = {}
        for column in frame.columns:
            if column in COLUMNS:
                changed[column] = frame[column].map(
                    lambda name, column=column: name if pd.isna(name) else self.in_column(str(name), column)
                )
            elif column in SENTENCES:
                changed[column] = frame[column].map(lambda text: text if pd.isna(text) else self.in_sentence(str(text)))
        hidden = frame.assign(**changed)
        keys = [key for key in ("fraction", "repeat", "group", "subject_id", "file") if key in hidden]
        return hidden.sort_values(keys, kind="stable", ignore_index=True)

    def _take(self, frame: pd.DataFrame) -> None:
        if "volume_id" in frame:
            self._volumes |= set(frame["volume_id"].dropna().astype(str))
        for column, letter in COLUMNS.items():
            if column in frame:
                for name in frame[column].dropna().unique():
                    self._add(str(name), letter)

    def _add(self, name: str, letter: str) -> None:
        self._known.setdefault(name, self.pseudonym(name, letter))
        if letter == "f":  # sentences name files without their folders, and folders are often subjects
            for part in PurePosixPath(name).parts:
                stem = part.removesuffix(".gz").rpartition(".")[0]
                for text in filter(None, (part, stem)):
                    if is_telling(text):
                        self._known.setdefault(text, self.pseudonym(text, letter))

    def _replaced(self, match: re.Match[str]) -> str:
        return self._known[match[0]]

    @staticmethod
    def _pattern(names: Iterable[str]) -> re.Pattern[str]:
        joined = "|".join(map(re.escape, names)) or r"(?!)"
        return re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])")


def is_telling(name: str) -> bool:
    """Whether a name cannot be taken for an ordinary word or number: it has a letter and a digit, or eight digits."""
    return (len(name) > 3 and bool(_LETTERS_AND_DIGITS.match(name))) or (name.isdigit() and len(name) > 7)


def table_of(name: str) -> Table | None:
    """Return the format of a table of a study that has names in it; None for other files."""
    path = PurePosixPath(name)
    if path.parts[0] == "cohorts":
        return COHORT_TABLES.get(path.name)
    if path.suffix != ".csv" or path.parts[0] not in _PLACES:
        return None
    if path.name.endswith(".attention.csv"):
        return ATTENTION
    return FRACTION_PREDICTIONS if path.parts[0] == "fractions" else PREDICTIONS


def _stands_in(name: str, text: str) -> bool:
    start = text.find(name)
    while start >= 0:
        stop = start + len(name)
        before, after = text[start - 1 : start], text[stop : stop + 1]
        if not (before.isalnum() or after.isalnum()):
            return True
        start = text.find(name, start + 1)
    return False
