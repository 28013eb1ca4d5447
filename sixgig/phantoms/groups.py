"""Site, scanner, sex and age of simulated subjects, so that groups can be tried where there are no patients.

They follow from the subject's name alone and have nothing to do with its images: no group is truly easier than another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

#: What a simulated subject has, and the values that are drawn; a range for whole numbers.
CHOICES: dict[str, tuple[str, ...] | range] = {
    "site": ("A", "B", "C"),
    "scanner": ("scanner 1", "scanner 2"),
    "sex": ("F", "M"),
    "age": range(30, 90),
}


def simulated_values(subjects: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return subject -> name of a group -> its value.

    Args:
        subjects: Names of subjects.
    """
    return {
        subject: {name: str(choices[_number(name, subject) % len(choices)]) for name, choices in CHOICES.items()}
        for subject in subjects
    }


def _number(name: str, subject: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{name}\0{subject}".encode()).digest()[:8], "big")
