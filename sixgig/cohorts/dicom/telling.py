"""What DICOM headers say of subjects that may tell groups apart: sex, age, scanner, hospital."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sixgig.cohorts.dicom.headers import Header
from sixgig.cohorts.dicom.values import text
from sixgig.errors import ConfigError

#: Tags that may be asked for: none of them holds a name or a date of a person.
TAGS = (
    "PatientSex", "PatientAge", "Manufacturer", "ManufacturerModelName", "MagneticFieldStrength", "SoftwareVersions",
    "InstitutionName", "StationName", "Modality", "BodyPartExamined", "KVP", "SliceThickness",
)  # fmt: skip
#: Those that name a place.
PLACES = ("InstitutionName", "StationName")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_IN_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


def check_tags(names: Sequence[str]) -> None:
    """Refuse tags that could name a person.

    Raises:
        ConfigError: One is not among :data:`TAGS`.
    """
    unknown = [name for name in names if name not in TAGS]
    if unknown:
        raise ConfigError(
            "groups.columns",
            f"asks DICOM headers for {unknown[0]!r}",
            f"use one of {', '.join(TAGS)}; or name a table under groups.table",
        )


def values_by_subject(images: Iterable[tuple[str, Header]], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return subject -> tag -> text; nothing where a subject's images say several things. Ages are in years.

    Args:
        images: Subject and header of every image.
        names: Tags.
    """
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    subjects = []
    for subject, header in images:
        subjects.append(subject)
        for name in names:
            said[subject, name].add(_plain(name, text(header.values, name)))
    return {
        subject: {name: one.pop() if len(one := said[subject, name] - {""}) == 1 else "" for name in names}
        for subject in dict.fromkeys(subjects)
    }


def _plain(name: str, value: str) -> str:
    match = _AGE.fullmatch(value) if name == "PatientAge" else None
    return f"{int(match[1]) / _IN_A_YEAR[match[2]]:.3g}" if match else value
