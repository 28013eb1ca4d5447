"""Whose an image is: by a tag, by its folder or by a pattern on its path; ids that stand for nobody are asked about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from sixgig.cohorts.base import Remark
from sixgig.cohorts.dicom.headers import Header
from sixgig.cohorts.dicom.selecting import Selection
from sixgig.cohorts.dicom.values import text
from sixgig.errors import CohortError, ConfigError

_ID = "PatientID"
_FOLDER = "folder"
#: What people and programs write in place of an id, in lower case without signs.
_NOBODY = {
    "", "0", "00", "000", "0000", "00000", "anon", "anonym", "anonymous", "anonymized", "anonymised", "deidentified",
    "none", "null", "nan", "na", "removed", "unknown", "unnamed", "noid", "nopatientid", "patient", "patientid", "id",
    "xxx", "xxxx", "x", "anonid", "anonpatient", "anonymouspatient", "anonymizedpatient",
}  # fmt: skip


class Subjects:
    """The rule that gives each image its subject.

    Args:
        options: ``subject``: a tag (PatientID when absent), or ``folder``, the first folder below the cohort's. Or
            ``subject_pattern``: a regular expression on the path below the cohort's folder; the group named subject,
            else the first group, else the whole match.

    Raises:
        ConfigError: There is no such tag, the pattern is wrong, or both are given.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        pattern, self._asked = options.get("subject_pattern"), options.get("subject")
        if pattern and self._asked:
            raise ConfigError("subject", "stands beside subject_pattern", "keep one of the two")
        try:
            self._pattern = re.compile(pattern) if pattern else None
        except re.error as error:
            raise ConfigError(
                "subject_pattern", f"{pattern!r} is not a regular expression: {error}", "correct it"
            ) from None
        self._tag = self._asked or _ID
        self.wanted: list[str | int] = []
        if self._tag not in (_FOLDER, _ID):  # which need no look into the dictionary of tags
            ((self._tag, wanted),) = Selection({self._tag: ""}, "subject").tags.items()
            self.wanted = [wanted]

    @property
    def note(self) -> str:
        """What a subject is, for the report."""
        if self._pattern is not None:
            return f"subjects are what the pattern {self._pattern.pattern} finds in paths"
        if self._tag == _FOLDER:
            return "subjects are the first folders below the cohort's"
        return f"subject-level split: one subject is one {self._tag}"

    def of(self, header: Header) -> str | None:
        """Return the subject of a file; None when the pattern finds none in its path.

        A file without the tag belongs to the folder that it lies in.
        """
        source = PurePosixPath(header.source)
        if self._pattern is not None:
            match = self._pattern.search(header.source)
            if match is None:
                return None
            named = match.groupdict().get("subject")
            return (named if named is not None else match[1] if match.re.groups else match[0]) or None
        if self._tag == _FOLDER:
            return source.parts[0] if len(source.parts) > 1 else "."
        return text(header.values, self._tag) or source.parent.as_posix()

    def check(self, headers: Iterable[tuple[str, Header]], root: object, dimensions: int) -> list[Remark]:
        """Ask about ids that stand for several patients, unless the study file says whose an image is.

        Args:
            headers: Subject and header of every image.
            root: The cohort's folder, for the error message.
            dimensions: 2 when every file is an image, so that files of one folder may be of any number of patients.

        Returns:
            Remarks on subjects that have no id.

        Raises:
            CohortError: An id stands for several patients, as far as names, birth dates and studies tell.
        """
        if self._pattern is not None or self._asked:
            return []
        seen: dict[str, _Seen] = defaultdict(_Seen)
        unnamed: dict[str, _Seen] = defaultdict(_Seen)
        for subject, header in headers:
            name = text(header.values, _ID)
            seen[name].add(header)
            if not name:
                unnamed[subject].add(header)
        single = len(seen) == 1
        for name, one in sorted(seen.items()):
            why = one.doubt(_is_nobody(name), single) if name else one.astray(dimensions)
            if why:
                reason = f"{_ID} {name!r} stands for several patients: {why}" if name else f"images without {_ID} {why}"
                raise CohortError(
                    root,
                    reason,
                    "say whose an image is: subject: folder (the first folder below the cohort's), subject_pattern: "
                    "a regular expression on the path, another tag such as subject: StudyInstanceUID, or "
                    f"subject: {_ID} if it is one patient after all",
                )
        return [
            Remark("label", one.first, subject, f"has no {_ID}: the folder that it lies in is its subject")
            for subject, one in sorted(unnamed.items())
        ]


class _Seen:
    """What the images of one id say about who it is."""

    def __init__(self) -> None:
        self.first = ""
        self.names: set[str] = set()
        self.births: set[str] = set()
        self.studies: dict[str, set[str]] = defaultdict(set)  # study -> folders that its files lie in
        self.tops: set[str] = set()
        self.n_files = 0

    def add(self, header: Header) -> None:
        values, source = header.values, PurePosixPath(header.source)
        self.first = self.first or header.source
        self.n_files += 1
        self.names |= {_plain(text(values, "PatientName"))} - {""}
        self.births |= {text(values, "PatientBirthDate")} - {""}
        self.studies[text(values, "StudyInstanceUID")].add(source.parent.as_posix())
        self.tops.add(source.parts[0] if len(source.parts) > 1 else ".")

    def doubt(self, nobody: bool, single: bool) -> str | None:
        """Return why this is not one patient; None when it may be one.

        ``nobody``: the id is a word such as ANON. ``single``: the cohort has no other id.
        """
        counts = f"{self.n_files} files, {len(self.studies)} studies, {len(self.tops)} folders"
        if len(self.births) > 1 or len(self.names) > 1:
            what = "dates of birth" if len(self.births) > 1 else "names"
            return f"its images have {max(len(self.births), len(self.names))} {what} ({counts})"
        if nobody and (len(self.studies) > 1 or len(self.tops) > 1):
            return f"it is no id, and there are {counts}"
        if single and len(self.studies) > 1 and len(self.tops) > 1:
            return f"the cohort has no other id, and {counts}"
        return None

    def astray(self, dimensions: int) -> str | None:
        """Return why folders cannot stand for the patients of images without an id; None when they can."""
        split = sum(bool(study) and len(folders) > 1 for study, folders in self.studies.items())
        if split:
            return f"lie in several folders although they are of one study ({split} such studies)"
        studies: dict[str, set[str]] = defaultdict(set)
        for study, folders in self.studies.items():
            for folder in folders:
                studies[folder].add(study)
        crowded = sum(len(several) > 1 for several in studies.values())
        if crowded:
            return f"of several studies lie in one folder ({crowded} such folders)"
        if dimensions == 2 and self.n_files > len(studies):
            return f"share folders: {self.n_files} in {len(studies)}"
        return None


def _is_nobody(name: str) -> bool:
    return re.sub(r"[\W_]", "", name).lower() in _NOBODY


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
