"""What a new study file is written from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Findings:
    """What the study file is written from.

    Attributes:
        name: Name of study and cohort.
        stanza: The cohort's part of the study file.
        found: What was found, as sentences.
        notes: What the user should check, as sentences.
        depth: Slices of a volume; None for images, and for volumes that are not there yet.
        folds: Folds of the outer cross-validation.
    """

    name: str
    stanza: dict[str, Any]
    found: list[str]
    notes: list[str] = field(default_factory=list)
    depth: int | None = None
    folds: int = 5
