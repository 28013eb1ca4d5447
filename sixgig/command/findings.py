"""What a new study file is written from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Keys of a cohort's stanza, and what the user should know about them.
Options = tuple[dict[str, Any], list[str]]


@dataclass(frozen=True)
class Public:
    """What is known about a data set of a recipe before it is fetched.

    Attributes:
        recipe: Further keys of ``source.recipe``.
        stanza: Further keys of the cohort's stanza.
        classes: Published classes; empty where the data carry none.
        depth: Slices of a volume; None for images, and where it is not known.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    stanza: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    depth: int | None = None


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

    def choose_positive(self, classes: list[str]) -> None:
        """Make the last of two classes the positive one."""
        if len(classes) == 2:
            self.stanza["positive"] = classes[-1]
            self.notes.append(
                f"the positive class is {classes[-1]}: sensitivity, specificity and the ROC curve are about it"
            )

    def hold_out(self) -> None:
        """Hold out the official test set, and take copies of its images out of the training side."""
        self.stanza |= {"official_splits": True, "duplicates": "drop"}
        self.notes.append("the official test set is held out and scored once (official_splits)")
        self.notes.append("copies of a picture leave the training side (duplicates: drop); copies.csv will list them")


def cohort_name(path: Path) -> str:
    """Return a name that the schema allows, from that of a folder or file."""
    name = re.sub(r"[^a-z0-9]+", "_", path.resolve().name.split(".")[0].lower()).strip("_")
    return name if re.match("[a-z]", name) and name != "downloads" else f"cohort_{name}".strip("_")
